"""The YAML reader: scalars stay text, every bound has its code and line, hostile documents end at once."""

from __future__ import annotations

import json
import time

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import limits
from protocol.errors import DataError
from protocol.manifests.json_text import read_json
from protocol.manifests.yaml_text import Tree, read_yaml


def refusal(data: bytes) -> tuple[str, object]:
    with pytest.raises(DataError) as caught:
        read_yaml(data)
    return caught.value.code, caught.value.params["line"]


def test_scalars_stay_what_was_written() -> None:
    tree = read_yaml(
        b"{a: 1.10, b: on, c: 0x2D, d: 07, e: 2026-02-20, f: 1:30, g: '~', h: ~, i: null, j: , k: 'null', l: 0o7, true: 1_0}"
    )
    assert tree == {
        "a": "1.10", "b": "on", "c": "0x2D", "d": "07", "e": "2026-02-20", "f": "1:30", "g": "~", "h": None, "i": None, "j": None,
        "k": "null", "l": "0o7", "true": "1_0",
    }  # fmt: skip


def test_core_tags_and_aliases_are_read() -> None:
    assert read_yaml(b"a: !!str 1\nb: !!null x\nc: &x [1, 2]\nd: *x\ne: &k key\n") == {
        "a": "1", "b": None, "c": ["1", "2"], "d": ["1", "2"], "e": "key",
    }  # fmt: skip
    assert read_yaml(b"") is None and read_yaml(b"# only\n") is None and read_yaml(b"\xef\xbb\xbfa: b") == {"a": "b"}


DEEP = b"[" * 24
HOSTILE = {
    "manifest.too_big": (b"#" * (limits.MANIFEST_BYTES + 1), 0),
    "manifest.encoding": (b"a: b\nc: \xe4\xb8?\n", 2),
    "manifest.control_character": (b"a: b\nc: d\x00\n", 2),
    "manifest.syntax": (b"a: b\nc: d: e\n", 2),
    "manifest.depth": (b"\n" + DEEP + b"[", 2),
    "manifest.nodes": (b"".join(b"- a\n" for _ in range(limits.YAML_NODES + 1)), 20_000),
    "manifest.aliases": (b"- &a x\n" + b"- *a\n" * 65, 66),
    "manifest.duplicate_key": (b"a: 1\nb: 2\na: 3\n", 3),
    "manifest.merge_key": (b"a: &a {x: y}\nb:\n  <<: *a\n", 3),
    "manifest.complex_key": (b"a: b\n? [c]\n: d\n", 2),
    "manifest.key_too_long": (b"a: b\n" + b"k" * 257 + b": c\n", 2),
    "manifest.tag": (b"a: b\nc: !!python/name:os.system d\n", 2),
    "manifest.several_documents": (b"a: b\n---\nc: d\n", 2),
}


@pytest.mark.parametrize("code", HOSTILE)
def test_every_bound_has_its_code_and_line(code: str) -> None:
    data, line = HOSTILE[code]
    assert refusal(data) == (code, line)


def test_the_bounds_themselves_are_allowed() -> None:
    assert read_yaml(b"a: b\n#" + b"x" * (limits.MANIFEST_BYTES - 6)) == {"a": "b"}
    read_yaml(DEEP + b"]" * 24)
    read_yaml(b"- &a x\n" + b"- *a\n" * 64)
    read_yaml(b"- a\n" * (limits.YAML_NODES - 1))
    read_yaml(b"k" * 256 + b": v")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"[" * 100_000, "manifest.depth"),
        (b"[\n" * 100_000, "manifest.depth"),
        (b"{a: " * 60_000, "manifest.depth"),
        (b"- " * 100_000, "manifest.depth"),
        (b"? " * 100_000, "manifest.complex_key"),
        (b"".join(b" " * at + b"a:\n" for at in range(700)), "manifest.depth"),
        (b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(b"%c: &%c [%s]\n" % (c, c, b",".join([b"*%c" % (c - 1)] * 9)) for c in range(98, 106)), "manifest.nodes"),
        (b"a: &a " + b"[" * 20 + b"]" * 20 + b"\nb: " + b"[" * 20 + b"*a" + b"]" * 20, "manifest.depth"),
        (b"a: &a [*a]", "manifest.aliases"),
        (b"a: &a x\n*a : b\n", "manifest.complex_key"),
        (b"a: !!set {x}", "manifest.tag"),
        (bytes(range(256)) * 100, "manifest.encoding"),
        (b'a: "\n' + b"\n" * 200_000, "manifest.syntax"),
    ],
)  # fmt: skip
def test_hostile_documents_end_at_once(data: bytes, code: str) -> None:
    started = time.process_time()
    assert refusal(data)[0] == code
    assert time.process_time() - started < 0.5


words = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Co", "Cn"), exclude_characters="\ufeff\u2028\u2029"),
    max_size=12,
)
trees = st.recursive(
    st.none() | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=20,
)


@given(trees, st.booleans())
@settings(max_examples=150, deadline=None)
def test_what_is_written_is_read_again(tree: Tree, flow: bool) -> None:
    data = yaml.dump(tree, Dumper=yaml.CSafeDumper, default_flow_style=flow, allow_unicode=True)
    assert read_yaml(data.encode()) == tree
    assert read_yaml(json.dumps(tree, ensure_ascii=False).encode()) == tree
    assert read_json(json.dumps(tree).encode()) == tree


@given(st.binary(max_size=80) | words.map(str.encode))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for read in (read_yaml, read_json):
        try:
            read(data)
        except DataError as error:
            assert error.code.startswith("manifest.") and error.params["reason"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"[" * 100_000, "manifest.depth"),
        (b"[" * 30 + b"]" * 30, "manifest.depth"),
        (b'{"a": 1, "a": 2}', "manifest.duplicate_key"),
        (b"{", "manifest.syntax"),
        (b'"\xff"', "manifest.encoding"),
        (b"[" + b"1," * 20_000 + b"1]", "manifest.nodes"),
    ],
)
def test_json_has_the_same_bounds(data: bytes, code: str) -> None:
    with pytest.raises(DataError) as caught:
        read_json(data)
    assert caught.value.code == code
    assert read_json(b'{"v": 2.30, "b": true, "n": null, "l": [1]}') == {
        "v": "2.30",
        "b": "true",
        "n": None,
        "l": ["1"],
    }
