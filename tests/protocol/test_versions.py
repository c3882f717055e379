"""Versions and constraints: the order, every dialect, and agreement with an independent implementation where both speak."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from semantic_version import NpmSpec, Version

from protocol.errors import DataError
from protocol.versions import ANY, compare_key, is_version, parse_constraint


def test_the_order_of_the_specification_of_semantic_versioning() -> None:
    rising = ["", "soon", "0.9", "1.0.0-1", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta.2", "1.0.0-beta.11",
              "1.0.0-rc.1", "1.0.0", "1.0.1", "1.2", "1.10", "2.0.0.1", "10.0.0"]  # fmt: skip
    assert sorted(random.Random(1).sample(rising, len(rising)), key=compare_key) == rising
    assert len({compare_key(version) for version in rising}) == len(rising)


@pytest.mark.parametrize(
    "same", [("3.0", "3.0.0"), ("v1.2", "1.2.0"), ("2.3", "2.3.0+build"), ("1.0.0.RELEASE", "1"), ("01.2", "1.2")]
)
def test_equal_spellings(same: tuple[str, str]) -> None:
    assert compare_key(same[0]) == compare_key(same[1])


@pytest.mark.parametrize(
    ("constraint", "canonical", "allowed", "refused"),
    [
        ("", "*", ["1.0.0", "soon", "", "1.0-rc"], []),
        ("*", "*", ["0"], []),
        ("latest", "*", ["0"], []),
        (">=1.0.0", ">=1.0.0", ["1", "2.5"], ["0.9.9", "1.0.0-rc", "soon", ""]),
        (">= 1.0.0", ">=1.0.0", ["1.0.0"], ["0.9"]),
        ("1.2.3", "=1.2.3", ["1.2.3", "v1.2.3"], ["1.2.4"]),
        ("3.0", "=3.0.0", ["3.0.0", "3"], ["3.0.1"]),
        ("v1.2", "=1.2.0", ["1.2.0"], ["1.2.1"]),
        ("==1", "=1.0.0", ["1.0"], ["1.1"]),
        ("^1.2.3", ">=1.2.3 <2.0.0", ["1.2.3", "1.9"], ["1.2.2", "2.0.0", "2.0.0-rc"]),
        ("^0.2.3", ">=0.2.3 <0.3.0", ["0.2.3", "0.2.9"], ["0.2.2", "0.3.0"]),
        ("^0.0.3", ">=0.0.3 <0.0.4", ["0.0.3"], ["0.0.4"]),
        ("^0", ">=0.0.0 <1.0.0", ["0.9"], ["1.0"]),
        ("~1.2.3", ">=1.2.3 <1.3.0", ["1.2.9"], ["1.3.0"]),
        ("~1", ">=1.0.0 <2.0.0", ["1.9"], ["2.0"]),
        (">=1.0.0,<2", ">=1.0.0 <2.0.0", ["1.5"], ["2"]),
        (">=1.0.0 <2", ">=1.0.0 <2.0.0", ["1.5"], ["2"]),
        ("1.x || >=3", ">=1.0.0 <2.0.0 || >=3.0.0", ["1.5", "4"], ["2"]),
        ("1.2.*", ">=1.2.0 <1.3.0", ["1.2.7"], ["1.3"]),
        ("1.0 - 2.0", ">=1.0.0 <=2.0.0", ["2.0"], ["2.0.1"]),
        ("[1.0,2.0)", ">=1.0.0 <2.0.0", ["1.0"], ["2.0"]),
        ("[1.5]", "=1.5.0", ["1.5"], ["1.6"]),
        ("(,2.0]", "<=2.0.0", ["2.0"], ["2.1"]),
        ("[1.0,)", ">=1.0.0", ["9"], ["0.9"]),
        ("[1,2),[3,4)", ">=1.0.0 <2.0.0 || >=3.0.0 <4.0.0", ["1.5", "3.5"], ["2.5"]),
        (">=1.0.0-rc.1", ">=1.0.0-rc.1", ["1.0.0-rc.2", "1.0.0"], ["1.0.0-beta", "1.1.0-rc.1"]),
        ("!=1.5", "!=1.5.0", ["1.4"], ["1.5.0"]),
        ("!=1.x", "<1.0.0 || >=2.0.0", ["0.9", "2.0", "2.0.0"], ["1.0", "1.9.9"]),
        (">=1 !=1.2.x", ">=1.0.0 <1.2.0 || >=1.0.0 >=1.3.0", ["1.1.9", "1.3"], ["0.9", "1.2.5"]),
        ("stable", "=stable", ["stable"], ["1.0", "Stable"]),
    ],
)  # fmt: skip
def test_every_dialect(constraint: str, canonical: str, allowed: list[str], refused: list[str]) -> None:
    parsed = parse_constraint(constraint)
    assert str(parsed) == canonical
    assert parse_constraint(canonical) == parsed
    assert [version for version in allowed if not parsed.allows(version)] == []
    assert [version for version in refused if parsed.allows(version)] == []


@pytest.mark.parametrize(
    "text",
    [
        ">=",
        ">=abc",
        "[1.0",
        "[,",
        "(1.0;2.0)",
        "1.0 && 2.0",
        "^",
        "é",
        "x" * 300,
        "||".join(["1"] * 3) + "||$",
        "[1]]",
        "!=*",
    ],
)
def test_nonsense_is_refused_with_a_code(text: str) -> None:
    with pytest.raises(DataError) as caught:
        parse_constraint(text)
    assert caught.value.code == "version.malformed"


def test_many_parts_are_refused() -> None:
    with pytest.raises(DataError):
        parse_constraint("||".join(f"{number}" for number in range(40)))


numbers = st.integers(0, 4)
versions = st.builds(
    lambda parts, pre: ".".join(map(str, parts)) + pre,
    st.tuples(numbers, numbers, numbers),
    st.sampled_from(["", "", "", "-alpha", "-alpha.1", "-rc.2", "-1"]),
)
signs = st.sampled_from(["", "=", ">=", ">", "<=", "<", "^", "~"])
plain = versions.map(lambda version: version.partition("-")[0])
comparators = st.builds(str.__add__, signs, plain)
with_suffix = st.builds(str.__add__, st.sampled_from([">=", ">", "^"]), versions)
wildcards = st.builds(
    lambda parts, sign: sign + ".".join(map(str, parts)) + ".x",
    st.lists(numbers, min_size=1, max_size=2),
    st.sampled_from(["", "^", "~", ">="]),
)
# NpmSpec lets 1.0.0-a satisfy "<1.0.0-a", 3.0.0 satisfy "=0.0.0 >=3.0.0-a", and 1.0.0 "=1.0.0-a"; "~1.0.0-a" it ends at 1.0.1: pre-releases are compared only where it is right.
several = st.lists(comparators | wildcards, min_size=1, max_size=3).map(" ".join)
ranges = st.lists(several, min_size=1, max_size=2).map(" || ".join) | with_suffix


@given(ranges, st.lists(versions, min_size=1, max_size=8))
@settings(max_examples=600, deadline=None)
def test_agrees_with_npm_spec(text: str, samples: list[str]) -> None:
    ours, theirs = parse_constraint(text), NpmSpec(text)
    for sample in samples:
        if "-" in sample and "-" not in text:
            assert not ours.allows(sample)  # node-semver's rule; NpmSpec lets 2.0.0-a satisfy <=2.0.0
            continue
        assert ours.allows(sample) == (Version(sample) in theirs), (text, sample, str(ours))


@given(st.lists(st.text(max_size=12) | versions, min_size=3, max_size=3))
@settings(max_examples=300, deadline=None)
def test_any_texts_have_one_order(texts: list[str]) -> None:
    for a, b, c in itertools.permutations(map(compare_key, texts)):
        assert (a < b) + (a == b) + (a > b) == 1
        assert not (a <= b <= c) or a <= c


@given(st.text(max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_constraint_or_refused(text: str) -> None:
    try:
        parsed = parse_constraint(text)
    except DataError as error:
        assert error.code == "version.malformed"
        return
    assert parse_constraint(str(parsed)) == parsed
    assert parsed.allows(text) in (True, False)


def test_any_allows_what_cannot_be_compared() -> None:
    assert ANY.allows("") and ANY.any and not is_version("soon")
