"""Lists of a shelf: every page is a part of the whole in one order, however deep."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from node.index import Rules
from node.skill_center import shelf as shelves
from node.skill_center.shelf import Shelf, Wanted
from node.skill_center.tables import Kept
from protocol.identity import SigningKey
from protocol.items import Item
from protocol.refs import Kind
from protocol.skill_center.release import Release, item_text, sha256_of, sign_release

NOW = 1.7e9
KEY = SigningKey(b"k" * 32)


def kept(number: int) -> Kept:
    item = Item(Kind.SKILL, f"skill-{number:03}", "1.0.0", tags=("even",) if number % 2 == 0 else ())
    text = item_text(item)
    release = Release(item.ref, f"sha256:{number:064x}", f"{number:064x}", 1, 1, 1, sha256_of(text.encode()))
    return Kept(item.ref, number, sign_release(KEY, release, number, NOW), text, NOW)


def ids(rows: tuple[str, ...]) -> list[str]:
    return [json.loads(row)["id"] for row in rows]


def test_pages_are_parts_of_one_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelves, "DEEP", 20)
    shelf = Shelf(tmp_path, Rules, lambda: NOW)
    shelf.belongs_to("node-x")
    shelf.show([[kept(number)] for number in range(1, 61)], 60)
    whole = ids(shelf.rows(Wanted(Kind.SKILL, limit=1_000)).rows)
    assert whole == [f"skill-{number:03}" for number in range(1, 61)]
    pages = [shelf.rows(Wanted(Kind.SKILL, limit=7, offset=offset)) for offset in range(0, 70, 7)]
    assert [id_ for page in pages for id_ in ids(page.rows)] == whole
    assert {page.total for page in pages} == {60}
    shelf.show([[kept(61)]], 61)
    assert ids(shelf.rows(Wanted(Kind.SKILL, limit=7, offset=56)).rows)[-1] == "skill-061"
    even = shelf.rows(Wanted(Kind.SKILL, facets=("tag:even",), limit=10, offset=25))
    assert (even.total, ids(even.rows)[0], len(even.rows)) == (30, "skill-052", 5)
    found = shelf.rows(Wanted(Kind.SKILL, "skill-007"))
    assert ids(found.rows)[0] == "skill-007"
    shelf.belongs_to("node-y")
    assert shelf.rows(Wanted(Kind.SKILL)).rows == () and not shelf.rows(Wanted(Kind.SKILL, "skill-007")).rows
    shelf.close()
