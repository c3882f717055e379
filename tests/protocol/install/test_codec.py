"""Generation files and lock files: twins, deterministic, and strict about what they read."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import ConflictError, DataError, NotFoundError
from protocol.install.apply import Change, apply
from protocol.install.codec import decode_generation, encode_generation, item_row, read_item
from protocol.install.lockfile import decode_lock, encode_lock
from protocol.install.model import EMPTY, Consent, Generation, Installed, Origin, Route
from protocol.refs import Kind

DIGEST = "sha256:" + "a" * 64
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
words = st.text("abcXYZ019._-", min_size=1, max_size=12).filter(
    lambda text: text[0].isalnum() and not text.endswith(".")
)
origins = st.builds(Origin, texts, texts, texts, texts)
items = st.builds(
    Installed,
    kind=st.just(Kind.SKILL),
    id=words,
    version=words,
    principal=words,
    digest=st.text("0123456789abcdef", min_size=64, max_size=64).map("sha256:".__add__),
    size=st.integers(0, 2**40),
    files=st.integers(0, 2000),
    trust=texts,
    key=texts,
    sources=st.lists(origins, max_size=3).map(lambda found: tuple(sorted(found))),
    requested=st.booleans(),
    first_seen=st.floats(0, 4e9),
)
sets = st.lists(items, max_size=6, unique_by=lambda item: item.release).map(
    lambda found: tuple(sorted(found, key=lambda item: item.release))
)


def skill(name: str, version: str = "1.0", **more: object) -> Installed:
    return replace(Installed(Kind.SKILL, name, version, "local:0", DIGEST), **more)  # type: ignore[arg-type]


def scene(name: str, *needs: Installed, version: str = "1.0") -> Installed:
    wanted = tuple(item.release for item in needs)
    return Installed(
        Kind.SCENE, name, version, "local:0", "", needs=wanted, requested=True, routes=(Route("c", wanted),)
    )


@given(sets, st.lists(st.builds(Consent, st.floats(0, 4e9), texts, texts, texts, st.just(("net",)), texts), max_size=3))
def test_generation_round_trip(found: tuple[Installed, ...], consents: list[Consent]) -> None:
    generation = Generation(7, 1.5, "install", 6, found, tuple(consents))
    data = encode_generation(generation)
    assert decode_generation(data) == generation
    assert encode_generation(decode_generation(data)) == data


@given(sets)
def test_lock_round_trip(found: tuple[Installed, ...]) -> None:
    text = encode_lock(found)
    assert decode_lock(text) == found
    assert encode_lock(reversed(found)) == text


@given(sets.filter(bool), st.data())
def test_a_changed_byte_is_noticed(found: tuple[Installed, ...], data: st.DataObject) -> None:
    raw = encode_generation(Generation(7, 1.5, "install", 6, found))
    at = data.draw(st.integers(0, len(raw) - 1))
    other = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
    try:
        assert decode_generation(other) == decode_generation(raw)
    except DataError as error:
        assert error.code == "install.bad_record"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        b'{"format": 2}',
        b'{"format": 1, "generation": {}, "sha256": "x"}',
        b'{"format": NaN}',
    ],
)
def test_bad_generations(data: bytes) -> None:
    with pytest.raises(DataError) as caught:
        decode_generation(data)
    assert caught.value.code == "install.bad_record"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "lock-version = 2",
        "= 3",
        "lock-version = 1\n[[evil]]\n",
        "lock-version = 1\nskill = 3",
        'lock-version = 1\n[[skill]]\nname = "../x"\nprincipal = "p"\ntree = "' + DIGEST + '"',
        'lock-version = 1\n[[skill]]\nname = "x"\nprincipal = "p"\ntree = "sha256:zz"',
        'lock-version = 1\n[[skill]]\nname = "x"\nprincipal = "p"\nsize = -1\ntree = "' + DIGEST + '"',
        "a" + ".a" * 5_000 + " = 1",
    ],
)
def test_bad_locks(text: str) -> None:
    with pytest.raises(DataError) as caught:
        decode_lock(text)
    assert caught.value.code == "install.bad_record"


def test_what_nobody_needs_goes_and_what_others_need_stays() -> None:
    shared, only = skill("shared"), skill("only")
    one = apply(EMPTY, Change("a", (shared, only, scene("a", shared, only))), 1.0)
    two = apply(one, Change("b", (shared, scene("b", shared))), 2.0)
    three = apply(two, Change("gone", remove=("scene:a",)), 3.0)
    assert [item.id for item in three.items] == ["b", "shared"]
    assert three.skills[0].required_by == ("scene:b@1.0 local:0",)
    assert (three.number, three.parent) == (3, 2)


def test_an_update_replaces_the_requested_one() -> None:
    old, new = skill("pdf", "1.0"), skill("pdf", "2.0")
    one = apply(EMPTY, Change("a", (old, scene("a", old))), 1.0)
    two = apply(one, Change("a", (new, scene("a", new, version="1.1"))), 2.0)
    assert [item.version for item in two.items] == ["1.1", "2.0"]


def test_a_skill_asked_for_survives_the_scene_that_also_needs_it() -> None:
    pdf = skill("pdf", requested=True)
    one = apply(EMPTY, Change("a", (pdf, scene("a", pdf))), 1.0)
    assert [item.id for item in apply(one, Change("x", remove=("scene:a",)), 2.0).items] == ["pdf"]
    kept = apply(one, Change("x", remove=("skill:pdf",)), 2.0)
    assert [item.id for item in kept.items] == ["a", "pdf"]
    with pytest.raises(ConflictError) as caught:
        apply(kept, Change("x", remove=("skill:pdf",)), 3.0)
    assert caught.value.code == "install.needed"


def test_first_seen_never_grows() -> None:
    one = apply(EMPTY, Change("a", (skill("pdf", requested=True, first_seen=5.0),)), 1.0)
    two = apply(one, Change("a", (skill("pdf", requested=True, first_seen=9.0),)), 2.0)
    assert two.items[0].first_seen == 5.0


def test_refusals() -> None:
    pdf = skill("pdf", requested=True)
    one = apply(EMPTY, Change("a", (pdf,)), 1.0)
    for change, code in (
        (Change("x", (scene("a", skill("none")),)), "install.dangling"),
        (Change("x", (replace(pdf, digest="sha256:" + "b" * 64),)), "install.equivocation"),
        (Change("x", (skill("pdf", "2.0"), scene("a", pdf, skill("pdf", "2.0")))), "install.two_releases"),
        (Change("x", remove=("skill:none",)), "install.not_installed"),
        (Change("x", base=9), "install.base_moved"),
    ):
        with pytest.raises((ConflictError, DataError, NotFoundError)) as caught:
            apply(one, change, 2.0)
        assert caught.value.code == code
        assert caught.value.text("zh") and caught.value.text()


def test_cycles_are_fine() -> None:
    one = skill("one", needs=("skill:two@1.0 local:0",))
    two = skill("two", needs=("skill:one@1.0 local:0",))
    done = apply(EMPTY, Change("x", (one, two, scene("a", one))), 1.0)
    assert len(done.items) == 3
    assert apply(done, Change("x", remove=("scene:a",)), 2.0).items == ()


def test_the_file_is_readable_json() -> None:
    document = json.loads(encode_generation(apply(EMPTY, Change("a", (skill("pdf", requested=True),)), 1.0)))
    assert document["format"] == 1
    assert document["generation"]["items"][0]["id"] == "pdf"


def test_a_row_of_an_older_version_is_read() -> None:
    row = item_row(skill("pdf"))
    assert read_item({**row, "state": ""}) == read_item(row) == skill("pdf")
