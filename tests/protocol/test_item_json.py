"""Items, sightings and problems survive JSON, and bad JSON is a clear error."""

from __future__ import annotations

from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import DataError
from protocol.item_json import (
    decode_item,
    decode_problem,
    decode_sighting,
    encode_item,
    encode_problem,
    encode_sighting,
    read_json,
    write_json,
)
from protocol.items import (
    Channel,
    Dependency,
    Evidence,
    Item,
    Problem,
    Provided,
    Sighting,
    Standing,
    Status,
)
from protocol.refs import Kind

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
ids = st.from_regex(r"[a-z][a-z0-9-]{0,9}", fullmatch=True)
trees = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
maps = st.dictionaries(texts, trees, max_size=3)
times = st.floats(0, 1e11)
items = st.builds(
    Item,
    kind=st.sampled_from(Kind),
    id=ids,
    version=texts,
    name=texts,
    description=texts,
    tags=st.lists(texts, max_size=3).map(tuple),
    provides=st.lists(st.builds(Provided, ids, texts, texts, texts, texts), max_size=2).map(tuple),
    requires=st.lists(
        st.builds(Dependency, st.sampled_from(Kind), ids, texts, st.booleans(), st.booleans(), texts), max_size=2
    ).map(tuple),
    facts=maps,
    raw=maps,
    repaired=st.lists(texts, max_size=2).map(tuple),
)
sightings = st.builds(
    Sighting,
    item=items,
    source=texts,
    origin=texts,
    place=texts,
    location=texts,
    principal=texts,
    evidence=st.builds(Evidence, st.sampled_from(Channel), texts, texts, texts, texts),
    seen_at=times,
    digest=texts,
    expires_at=times,
    size=st.integers(0, 2**40),
    seq=st.integers(0, 2**40),
    standing=st.sampled_from(Standing),
    status=st.sampled_from(Status),
    signals=st.dictionaries(texts, times, max_size=2),
)
problems = st.builds(
    Problem, texts, texts, st.integers(0, 9999), st.dictionaries(texts, texts | st.integers(0, 9)), st.booleans()
)


@settings(max_examples=60)
@given(sightings)
def test_a_sighting_survives(sighting: Sighting) -> None:
    assert decode_sighting(read_json(write_json(encode_sighting(sighting)))) == sighting


@settings(max_examples=40)
@given(problems)
def test_a_problem_survives(problem: Problem) -> None:
    assert decode_problem(read_json(write_json(encode_problem(problem)))) == problem


def test_raw_can_be_left_out() -> None:
    item = Item(Kind.SKILL, "a", raw=MappingProxyType({"id": "a"}))
    assert "raw" in encode_item(item)
    assert "raw" not in encode_item(item, raw=False)


def test_read_only_mappings_deep_inside_are_objects() -> None:
    item = Item(Kind.SKILL, "a", facts={"run": [MappingProxyType({"port": "80"})]})
    assert read_json(write_json(encode_item(item))) == {"kind": "skill", "id": "a", "facts": {"run": [{"port": "80"}]}}


def test_lone_surrogates_and_infinities_do_not_reach_the_wire() -> None:
    text = write_json({"a\ud800": ["\udfff", float("inf"), float("nan"), 1]})
    assert text == '{"a?":["?",null,null,1]}'


@settings(max_examples=200)
@given(trees)
def test_junk_never_raises_anything_else(junk: object) -> None:
    for decode in (decode_item, decode_sighting, decode_problem):
        for value in (junk, {"item": junk, "evidence": junk}, {"kind": "skill", "id": "a", "requires": junk}):
            try:
                decode(value)
            except DataError as error:
                assert error.code == "item.malformed"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": "../up"}, "item.id"),
        ({"kind": "scenes"}, "item.kind"),
        ({"name": 3}, "item.name"),
        ({"tags": "a"}, "item.tags"),
        ({"tags": ["a", None]}, "item.tags[1]"),
        ({"requires": [{"kind": "skill", "id": "b", "required": "yes"}]}, "item.requires[0].required"),
        ({"facts": []}, "item.facts"),
    ],
)
def test_the_wrong_field_is_named(change: dict[str, object], field: str) -> None:
    with pytest.raises(DataError) as caught:
        decode_item({"kind": "skill", "id": "a"} | change)
    assert caught.value.params["field"] == field


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\ufeff{}", "nope"])
def test_text_that_is_not_json(text: str) -> None:
    with pytest.raises(DataError):
        read_json(text)


def test_numbers_nobody_can_hold() -> None:
    value = encode_sighting(Sighting(Item(Kind.SKILL, "a"), "s", "o", "p", "l", "w", Evidence(Channel.PLAIN), 1.0))
    with pytest.raises(DataError):
        decode_sighting(value | {"size": 10**400})
