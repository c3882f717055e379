"""One tree from as few answers as possible: one, when the forge sends everything at once; page by page, or folder by folder, else.

walk = TreeWalk("<commit>")
while (ask := walk.next()) is not None:
    walk.take(ask, read_tree(...))
tree = walk.tree()

It guarantees: every row ends below the folder it was asked for; nothing is counted twice; at most `limits.FORGE_TREE_CALLS` asks and
`entries` rows. It leaves to others: asking.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from protocol import limits
from protocol.digest import belongs
from protocol.errors import DataError
from protocol.forge.answers import TreePage
from protocol.git_rules import Tree, TreeRow, clean, tree_of_rows
from protocol.manifests.places import SKIPPED_FOLDERS

_DEEPEST: Final = 64  # folders inside folders that are asked for one by one


@dataclass(frozen=True, slots=True)
class TreeAsk:
    """One question: the tree `oid`, which lies at `prefix` ("" or "folder/")."""

    oid: str
    prefix: str = ""
    folded: bool = True
    page: int = 1


class TreeWalk:
    """The questions for one commit, and its tree in the end."""

    def __init__(self, commit: str, entries: int = limits.GIT_TREE_ENTRIES) -> None:
        self._commit = commit
        self._entries = entries
        self._rows: dict[str, TreeRow] = {}
        self._todo = [TreeAsk(commit)]
        self._unseen: set[str] = set()
        self.calls = 0

    def next(self) -> TreeAsk | None:
        """What to ask now; None when the tree is whole. Raises DataError `forge.tree_too_large`."""
        if not self._todo:
            return None
        if self.calls >= limits.FORGE_TREE_CALLS:
            raise DataError("forge.tree_too_large", calls=self.calls, limit=limits.FORGE_TREE_CALLS)
        self.calls += 1
        return self._todo.pop()

    def take(self, ask: TreeAsk, page: TreePage) -> None:
        """The answer to `ask`. Raises DataError `git.too_many_files`, `forge.bad_answer`."""
        if page.cut and ask.folded:
            # Not everything came: the same folder alone, then each folder in it with all it has.
            self._todo.append(TreeAsk(ask.oid, ask.prefix, folded=False))
            return
        if page.cut:
            raise DataError("forge.bad_answer", what="tree", reason=clean(f"{ask.prefix or '.'} is cut short", 100))
        for path, mode, kind, oid in page.rows:
            full = ask.prefix + path
            self._rows[full] = (full, mode, kind, oid)
            if kind == "tree" and not ask.folded:
                self._descend(full, oid)
        if len(self._rows) > self._entries:
            raise DataError("git.too_many_files", limit=self._entries)
        if page.more:
            self._todo.append(TreeAsk(ask.oid, ask.prefix, ask.folded, ask.page + 1))

    def _descend(self, folder: str, oid: str) -> None:
        if folder.rpartition("/")[2] in SKIPPED_FOLDERS:
            if belongs(folder + "/x"):
                self._unseen.add(folder)
        elif folder.count("/") >= _DEEPEST:
            raise DataError("forge.tree_too_large", calls=self.calls, limit=limits.FORGE_TREE_CALLS)
        else:
            self._todo.append(TreeAsk(oid, folder + "/"))

    def tree(self) -> Tree:
        """What the commit contains. Folders nobody needs to look into are left out, and spoil the digests of what holds them."""
        tree = tree_of_rows(self._rows.values(), self._commit)
        if not self._unseen:
            return tree
        return Tree(tree.commit, tree.files, tree.folders, tree.refused, tree.spoiled | self._unseen)
