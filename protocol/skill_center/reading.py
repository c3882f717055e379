"""Answers of registries nobody controls: the tolerant reader of WIRE 3.6. One bad row costs itself only.

A list is an array, or stands under `data`, `items`, `list`, `records`, `skills`, `scenes`, `capabilities`, `caps` or `agents`, also inside
`data`. Rows are read with the alias chains of index files (`protocol.manifests.index`); what they say about status is obeyed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from protocol.errors import DataError
from protocol.http.heads import Heads, next_link, number
from protocol.http.json_body import Broken, Value
from protocol.items import Item, Problem, Status
from protocol.manifests.fields import Row, first
from protocol.manifests.index import read_rows
from protocol.manifests.reading import Document
from protocol.manifests.yaml_text import Tree
from protocol.refs import Kind

_LISTS: Final = ("items", "list", "records", "rows", "skills", "scenes", "capabilities", "caps", "agents", "content")
_TOTALS: Final = ("total", "totalCount", "totalElements", "count")
_GOOD_CODES: Final = frozenset({"", "0", "200", "success", "ok"})
_HEX: Final = re.compile(r"(?:sha256:)?([0-9a-fA-F]{64})")
_TREE: Final = re.compile(r"sha256:[0-9a-f]{64}")

_STATUS: Final = {
    **dict.fromkeys(
        ("", "active", "published", "online", "enabled", "released", "approved", "available", "normal", "1", "true", "up"),
        Status.ACTIVE,
    ),
    **dict.fromkeys(("deprecated", "outdated", "legacy", "superseded"), Status.DEPRECATED),
    **dict.fromkeys(
        ("withdrawn", "deleted", "removed", "offline", "disabled", "unpublished", "archived", "hidden", "draft", "pending", "held", "0"),
        Status.WITHDRAWN,
    ),
    **dict.fromkeys(("revoked", "blocked", "malicious", "quarantined", "banned", "infected"), Status.REVOKED),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Page:
    """One page of rows. `total` is -1 when it was not said; `next` is the address of the next page as written."""

    rows: tuple[Value, ...]
    total: int = -1
    next: str = ""


@dataclass(frozen=True, slots=True)
class RowRead:
    """One row: the item it lists and what it says about its bytes. `checksum` is the SHA-256 of the package file (hex), `digest` the
    tree digest; each "" when it was not said. `remarks` are problems that did not spoil it."""

    item: Item
    status: Status
    download: str = ""
    checksum: str = ""
    digest: str = ""
    size: int = 0
    publisher: str = ""
    signals: Mapping[str, float] | None = None
    remarks: tuple[Problem, ...] = ()


def read_page(body: Value, heads: Heads) -> Page:
    """The rows of an answer. Raises DataError `registry.bad_answer` when there is no list, or the envelope says that it failed."""
    rows, holder = _find(body, 3)
    if rows is None:
        raise DataError("registry.bad_answer", reason=_complaint(body))
    total = number(heads.get("x-total-count", ""))
    if total is None and isinstance(holder, dict):
        total = next(
            (n for name in _TOTALS if isinstance(t := holder.get(name), str) and (n := number(t)) is not None), None
        )
    return Page(tuple(rows), int(total) if total is not None and total < 2**53 else -1, next_link(heads))


def _find(body: Value, depth: int) -> tuple[list[Value] | None, Value]:
    if isinstance(body, list):
        return body, None
    if not isinstance(body, dict) or not depth:
        return None, None
    code = body.get("code", body.get("status", ""))
    if "data" in body and (str(code).lower() not in _GOOD_CODES or body.get("success") == "false"):
        return None, None
    if isinstance(inside := body.get("data"), list | dict):
        found, holder = _find(inside, depth - 1)
        return found, holder if holder is not None else body
    for name in _LISTS:
        if isinstance(listed := body.get(name), list):
            return listed, body
    return None, None


def _complaint(body: Value) -> str:
    """What an envelope says about its failure, for people."""
    if isinstance(body, Broken):
        return f"the key {body.key!r} occurs twice"
    if isinstance(body, dict):
        words = [text for name in ("code", "status", "message", "error") if isinstance(text := body.get(name), str)]
        return " ".join(word[:60] for word in words) or f"no list among {', '.join(sorted(body)[:5])[:100]}"
    return "no list"


def read_row(row: Value, kind: Kind, place: str) -> RowRead:
    """One row. `kind` is that of the list, unless the row names its own. Raises DataError `registry.bad_row` with the reason."""
    if isinstance(row, Broken):
        raise DataError("registry.bad_row", place=place, reason=f"the key {row.key!r} occurs twice")
    if not isinstance(row, dict):
        raise DataError("registry.bad_row", place=place, reason="no object")
    plain = _plain(row)
    if not isinstance(plain, dict):
        raise DataError("registry.bad_row", place=place, reason="a key occurs twice inside it")
    kind = _kind(first(plain, "kind"), kind)
    document = Document(place, {}, "registry")
    if kind is Kind.AGENT and "id" not in plain:
        plain["id"] = first(plain, "agentId")
    listings = read_rows(document, [plain], kind)
    if not listings or listings[0].item.kind is not kind:
        raise DataError("registry.bad_row", place=place, reason=f"no usable id: {_name(plain)!r}")
    listed, remarks = listings[0], [one for one in document.problems if one.code != "manifest.bad_entry"]
    said = first(plain, "status", "state").lower()
    status = _STATUS.get(said)
    if status is None:
        status = Status.DEPRECATED
        remarks.append(Problem("registry.unknown_status", place, 0, {"status": said[:40]}, fatal=False))
    if first(plain, "blocked", "revoked") == "true":
        status = Status.REVOKED
    checksum, digest = _HEX.fullmatch(first(plain, "checksum", "sha256")), _TREE.fullmatch(first(plain, "digest"))
    size = number(first(plain, "size"))
    return RowRead(
        listed.item,
        status,
        first(plain, "downloadUrl", "download_url", "packageUrl"),
        checksum[1].lower() if checksum else "",
        digest[0] if digest else "",
        int(size) if size is not None and size < 2**53 else 0,
        first(plain, "publisher")[:100],
        _signals(plain),
        tuple(remarks),
    )


def _plain(value: Value) -> Tree | Broken:
    """The same without anything broken inside; `Broken` when there is."""
    if isinstance(value, Broken):
        return value
    if isinstance(value, dict):
        made = {str(key): _plain(one) for key, one in value.items()}
        broken = next((one for one in made.values() if isinstance(one, Broken)), None)
        return broken or {key: one for key, one in made.items() if not isinstance(one, Broken)}
    if isinstance(value, list):
        parts = [_plain(one) for one in value]
        broken = next((one for one in parts if isinstance(one, Broken)), None)
        return broken or [one for one in parts if not isinstance(one, Broken)]
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    return None if value is None else str(value)


def _kind(said: str, kind: Kind) -> Kind:
    try:
        return Kind(said.lower())
    except ValueError:
        return kind


def _name(row: Row) -> str:
    return first(row, "skillId", "sceneId", "capId", "capabilityId", "agentId", "id", "name")[:80]


def _signals(row: Row) -> dict[str, float]:
    found = {}
    for name, keys in (
        ("rating", ("rating", "score", "avgRating")),
        ("downloads", ("downloads", "downloadCount", "installs")),
    ):
        value = number(first(row, *keys))
        if value is not None and value < 2**53:
            found[name] = value
    return found


def read_versions(body: Value) -> tuple[str, ...]:
    """The versions of one item, as written: texts, or rows with `version`."""
    rows = read_page(body, {}).rows
    named = (row.get("version") if isinstance(row, dict) else row for row in rows)
    return tuple(text for text in named if isinstance(text, str) and text)
