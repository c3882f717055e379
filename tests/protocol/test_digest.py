"""The tree digest against its golden values, and everything it must refuse."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.digest import TreeFile, check_tree_path, file_sha256, is_tree_digest, tree_digest
from protocol.errors import DataError

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "tree_digest.json").read_text("utf-8"))
DOC = Path(__file__).parent.parent.parent / "docs" / "protocol" / "digest.md"


def file(path: str, data: bytes = b"x", *, executable: bool = False) -> TreeFile:
    return TreeFile(path, executable, len(data), file_sha256(data))


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_golden_values(case: dict) -> None:
    files = [TreeFile(**entry) for entry in case["files"]]
    assert tree_digest(files) == case["digest"]
    assert tree_digest(reversed(files)) == case["digest"]


def test_the_example_of_the_document_is_the_first_vector() -> None:
    lines = [line for line in DOC.read_text("utf-8").splitlines() if line.startswith(("644 ", "755 "))]
    digest = "sha256:" + hashlib.sha256("".join(line + "\n" for line in lines).encode()).hexdigest()
    assert digest == VECTORS["cases"][0]["digest"]
    assert digest in DOC.read_text("utf-8")


@pytest.mark.parametrize("case", VECTORS["refused"], ids=lambda case: ascii(case["path"]))
def test_paths_that_no_tree_has(case: dict) -> None:
    with pytest.raises(DataError) as caught:
        tree_digest([file(case["path"])])
    assert caught.value.code == case["code"]
    assert caught.value.text("zh").isprintable()


def test_lone_surrogates_are_refused() -> None:
    with pytest.raises(DataError, match="cannot be a path"):
        check_tree_path("a\udcff")


@pytest.mark.parametrize("paths", [("a", "a"), ("a", "a/b"), ("x/y/z", "x")])
def test_a_path_stands_for_one_thing(paths: tuple[str, str]) -> None:
    with pytest.raises(DataError) as caught:
        tree_digest([file(path) for path in paths])
    assert caught.value.code == "digest.duplicate_path"


@pytest.mark.parametrize(
    "bad", [TreeFile("a", False, -1, "0" * 64), TreeFile("a", False, 1, "0" * 63), TreeFile("a", False, 1, "A" * 64)]
)
def test_a_file_needs_a_size_and_a_hash(bad: TreeFile) -> None:
    with pytest.raises(DataError) as caught:
        tree_digest([bad])
    assert caught.value.code == "digest.bad_file"


def test_an_empty_tree_has_no_digest() -> None:
    with pytest.raises(DataError) as caught:
        tree_digest([])
    assert caught.value.code == "digest.empty_tree"


_name = st.text(
    st.characters(exclude_characters="/\\", exclude_categories=("Cc", "Cs")), min_size=1, max_size=8
).filter(lambda name: name not in (".", ".."))


@given(st.dictionaries(_name, st.tuples(st.binary(max_size=8), st.booleans()), min_size=1, max_size=8), st.randoms())
def test_order_does_not_matter_and_every_change_does(tree: dict[str, tuple[bytes, bool]], random) -> None:
    files = [file(path, data, executable=executable) for path, (data, executable) in tree.items()]
    digest = tree_digest(files)
    assert is_tree_digest(digest)
    random.shuffle(files)
    assert tree_digest(files) == digest
    changed = files[0]
    for other in (
        file(changed.path, b"another content"),
        TreeFile(changed.path, not changed.executable, changed.size, changed.sha256),
        file(changed.path + "~~~~~~~~~", b"x"),
    ):
        assert tree_digest([other, *files[1:]]) != digest
