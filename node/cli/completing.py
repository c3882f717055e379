"""What the shell offers while a name is being typed: refs from the index, read as they are, asking no source and writing nothing."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from node.paths import Paths, find_home
from protocol.refs import KIND_OF_PREFIX, Kind
from protocol.words import fold

OFFERED = 50


class RefType(click.ParamType[str]):
    """A `kind:id` or a bare id; completed from the index."""

    name = "ref"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        home = ctx.find_root().params.get("home")
        paths = Paths(Path(str(home)).expanduser().absolute()) if home else find_home()
        return [CompletionItem(ref, help=name) for ref, name in refs_from(paths.index, incomplete)]


def refs_from(index: Path, begun: str) -> list[tuple[str, str]]:
    """(ref, name) of at most `OFFERED` items whose ref or id begins so; nothing when there is no index that can be read."""
    prefix, colon, rest = begun.partition(":")
    kind = KIND_OF_PREFIX.get(prefix) if colon else None
    key = fold(rest if kind else begun)
    query = (
        "SELECT e.kind, e.id, c.name FROM entries e JOIN cards c USING (n)"
        " WHERE e.key >= :key AND e.key < :below AND (:kind = '' OR e.kind = :kind) ORDER BY e.key LIMIT :most"
    )
    values = {"key": key, "below": key + "\U0010ffff", "kind": kind.value if kind else "", "most": OFFERED}
    try:
        db = sqlite3.connect(f"{index.as_uri()}?mode=ro", uri=True, timeout=0.05)
        try:
            rows = db.execute(query, values).fetchall()
        finally:
            db.close()
    except sqlite3.Error:
        return []
    return [(f"{Kind(kind).prefix}:{id_}" if colon else id_, name) for kind, id_, name in rows]
