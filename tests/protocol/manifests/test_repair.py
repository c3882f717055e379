"""Repair of real damage, named step by step; what cannot be repaired is told with the line and reason of strict reading."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocol.manifests import read_manifest

SAMPLES = Path(__file__).resolve().parents[2] / "samples" / "manifests"
GOOD = "kind: Skill\nmetadata:\n  id: a\n  version: 1.0.0\n  name: {name}\n  description: {text}\n  author: me\n"


def test_lost_newlines_and_quotes() -> None:
    path = "skills/skill-lost/skill.yaml"
    (item,) = read_manifest(path, (SAMPLES / path).read_bytes()).items
    assert item.repaired == ("newlines", "quotes")
    assert (item.name, item.version, item.author, item.description) == ("Lost", "1.0.0", "Wu", "the quote is gone")
    assert [(each.id, each.name, each.category) for each in item.provides] == [("lost-run", "Run", "service")]


def test_text_read_in_the_wrong_encoding_is_turned_back() -> None:
    path = "skills/skill-gbk/skill.yaml"
    (item,) = read_manifest(path, (SAMPLES / path).read_bytes()).items
    assert item.repaired == ("bom", "gbk", "newlines")
    assert (item.name, item.version, item.author) == ("会议纪要助手服务", "1.0.0", "测试")


def test_a_lost_byte_is_replaced() -> None:
    data = GOOD.format(name="日报", text="很好的功能").encode().replace("能".encode(), "能".encode()[:2] + b"?")
    reading = read_manifest("a/skill.yaml", data)
    assert reading.items[0].repaired == ("decode",) and "\ufffd" in reading.items[0].description
    assert [(problem.code, problem.line, problem.fatal) for problem in reading.problems] == [
        ("manifest.repaired", 6, False)
    ]


def test_a_good_file_is_never_repaired() -> None:
    text = GOOD.format(name='"鏃ユ姤  version: 2"', text="a  b  c")
    (item,) = read_manifest("a/skill.yaml", b"\xef\xbb\xbf" + text.encode()).items
    assert item.repaired == () and item.name == "鏃ユ姤  version: 2" and item.description == "a  b  c"


@pytest.mark.parametrize(
    ("data", "code", "line"),
    [
        (
            b"kind: Skill\nmetadata:\n  id: broken\n  name: Broken\n  version: 1.2.3\nspec:\n   a: 1\n  b: 2\n",
            "manifest.syntax",
            8,
        ),
        (b"id: broken\nname: Broken\nversion: 1.2.3\nname: x\n", "manifest.duplicate_key", 4),
        (b"id: broken\nname: Broken\nversion: 1.2.3\nx: {y: [\n", "manifest.syntax", 5),
    ],
)
def test_what_cannot_be_repaired_is_told_and_salvaged_for_people_only(data: bytes, code: str, line: int) -> None:
    reading = read_manifest("broken/skill.yaml", data)
    assert not reading.items and not reading.listings
    strict, salvaged = reading.problems
    assert (strict.code, strict.line, strict.fatal) == (code, line, True) and strict.params["reason"]
    assert (salvaged.code, salvaged.fatal) == ("manifest.malformed", False)
    assert dict(salvaged.params) == {"id": "broken", "name": "Broken", "version": "1.2.3"}


def test_limits_are_not_repaired_away() -> None:
    bomb = b"a: [\xff, " + b"[" * 50_000
    assert [problem.code for problem in read_manifest("a/skill.yaml", bomb).problems] == ["manifest.encoding"]
