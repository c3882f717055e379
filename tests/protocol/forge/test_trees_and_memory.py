"""Forges: trees that do not fit into one answer, and what is odd about a repository since the last look."""

from __future__ import annotations

from dataclasses import replace

import pytest

from protocol import limits
from protocol.errors import DataError
from protocol.forge.answers import Repo, TreePage, read_tree
from protocol.forge.memory import (
    Memory,
    decode_memory,
    encode_memory,
    failed,
    is_taken_over,
    mark_of,
    note_tags,
    oddities,
)
from protocol.forge.trees import TreeAsk, TreeWalk
from protocol.git_rules import Tree
from tests.fakes.forge_documents import MadeRepo

FILES = {
    "README.md": b"# x",
    "skills/a/skill.yaml": b"id: a",
    "skills/a/run.sh": b"#!/bin/sh",
    "skills/b/deep/skill.yaml": b"id: b",
    "dist/x/skill.yaml": b"id: x",
}
MADE = MadeRepo("acme/skills", FILES, modes={"skills/a/run.sh": "100755"})


def walk(made: MadeRepo, most_rows: int) -> tuple[Tree, int]:
    """Answer a walk as a forge does that puts at most `most_rows` into one answer."""
    walking = TreeWalk(made.commit)
    while (ask := walking.next()) is not None:
        folder = made.folder_of(ask.oid)
        assert folder is not None
        rows = made.rows(folder, folded=ask.folded)
        cut = ask.folded and len(rows) > most_rows
        walking.take(ask, read_tree({"tree": rows[:most_rows] if cut else rows, "truncated": cut}, {}))
    return walking.tree(), walking.calls


def test_a_whole_tree_takes_one_answer() -> None:
    tree, calls = walk(MADE, 1_000)
    assert calls == 1
    assert sorted(tree.files) == sorted(FILES)
    assert tree.files["skills/a/run.sh"].executable
    assert tree.folders["skills/a"] == MADE.tree_oid("skills/a")
    assert tree.commit == MADE.commit


def test_a_tree_that_is_cut_short_is_asked_for_by_folder() -> None:
    tree, calls = walk(MADE, 3)
    assert sorted(tree.files) == sorted(path for path in FILES if "dist" not in path)
    assert "dist" in tree.spoiled
    assert calls == 6  # root, root alone, skills, skills alone, a, b


def test_a_tree_has_bounds() -> None:
    walking = TreeWalk("c" * 40, entries=3)
    ask = walking.next()
    assert ask is not None
    with pytest.raises(DataError, match="files and folders"):
        walking.take(ask, TreePage(tuple((f"f{n}", "100644", "blob", "a" * 40) for n in range(4))))
    endless = TreeWalk("c" * 40)
    with pytest.raises(DataError, match="did not come together"):
        while (ask := endless.next()) is not None:
            endless.take(ask, TreePage((), more=True))
    assert endless.calls == limits.FORGE_TREE_CALLS
    with pytest.raises(DataError, match="cut short"):
        TreeWalk("c" * 40).take(TreeAsk("c" * 40, folded=False), TreePage((), cut=True))


REPO = Repo("acme/skills", "2001", "1001", "acme", "main", stars=1234, forks=7, pushed="2026-01-02T03:04:05Z")


def codes(*args: str, repo: Repo = REPO) -> list[str]:
    asked, first, expected = args
    return [problem.code for problem in oddities(repo, asked, first, expected)]


def test_what_is_odd_is_told_as_long_as_it_lasts() -> None:
    assert codes("acme/skills", "", "") == []
    assert codes("Acme/Skills", "1001/2001", "") == []
    assert codes("old/skills", "1001/2001", "") == ["forge.renamed"]
    assert codes("acme/skills", "9/2001", "") == ["forge.owner_changed"]
    assert codes("acme/skills", "1001/9", "") == ["forge.repository_replaced"]
    assert codes("acme/skills", "9/9", "1001/2001") == [], "the user has said that this is right"
    assert codes("acme/skills", "1001/2001", "9/9") == ["forge.owner_changed"]
    assert codes("acme/skills", "", "", repo=replace(REPO, archived=True)) == ["forge.archived"]
    assert not is_taken_over(REPO, "", "")
    assert is_taken_over(REPO, "1001/9", "")


def test_memory_survives_anything() -> None:
    memory = Memory("c" * 40, REPO.pushed, "main", REPO.ids, REPO.ids, REPO.name, mark_of(REPO))
    text = encode_memory(memory)
    assert decode_memory(text) == decode_memory(failed(failed(text))) == memory
    for junk in ("", "!", "1", "1{", "1[1,2]", '1["a"]', "2" + text[1:], "1" + "[" * 5_000):
        assert decode_memory(junk) == Memory()


def test_tags_that_move_are_told_until_they_are_back() -> None:
    a, b = "a" * 40, "b" * 40
    first, none = note_tags("", {"v1": a, "v2": a})
    assert none == ()
    moved, told = note_tags(first, {"v1": b, "v2": a})
    assert [dict(problem.params) for problem in told] == [{"tag": "v1", "old": a[:12], "new": b[:12]}]
    later, again = note_tags(failed(moved), {"v1": b, "v2": a, "v3": a})
    assert again == told
    gone, still = note_tags(later, {"v2": a})
    assert still == told
    assert note_tags(gone, {"v1": a})[1] == ()
    assert note_tags("nonsense", {"v1": b})[1] == ()


def test_few_tags_are_kept_of_many() -> None:
    text, _ = note_tags("", {f"v{n}": f"{n:040x}" for n in range(3 * limits.FORGE_TAGS)})
    assert len(text) < 40 * limits.FORGE_TAGS
