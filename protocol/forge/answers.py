"""What a forge said: repositories, commits, trees, blobs, tags, and how many requests are left. Tolerant, within bounds.

Values come as JSON with scalars as themselves or as text; a field of the wrong type counts as absent. What cannot be done without
(ids, names, object ids) makes the row, or the whole answer, `forge.bad_answer`. Names differ from forge to forge; each reader
knows all of them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from protocol import limits
from protocol.errors import DataError, IntegrityError, OoderError
from protocol.forge.dialects import check_name
from protocol.git_rules import TreeRow, clean, is_oid

_NEXT: Final = re.compile(r"<[^<>\s]{1,2048}>[^,<>]{0,200};\s*rel=\"?next\"?")
_DIGITS: Final = re.compile(r"[0-9]{1,19}")

NO_ROWS: Final = "list of rows"


@dataclass(frozen=True, slots=True)
class Repo:
    """One repository as its forge describes it. `pushed` and `updated` are times as written; nothing here is trusted."""

    name: str
    repo_id: str
    owner_id: str
    owner: str
    branch: str = ""
    description: str = ""
    license: str = ""
    homepage: str = ""
    topics: tuple[str, ...] = ()
    stars: int = 0
    forks: int = 0
    pushed: str = ""
    updated: str = ""
    archived: bool = False
    fork: bool = False
    private: bool = False
    empty: bool = False

    @property
    def ids(self) -> str:
        """`owner-id/repository-id`: who this is, whatever the names are."""
        return f"{self.owner_id}/{self.repo_id}"

    @property
    def changed(self) -> str:
        """What differs after every push; "" when the forge does not say."""
        return self.pushed or self.updated


@dataclass(frozen=True, slots=True)
class Repos:
    """One page of repositories. `skipped` rows could not be read; `more` says that another page follows."""

    rows: tuple[Repo, ...]
    skipped: int = 0
    total: int = 0
    more: bool = False


@dataclass(frozen=True, slots=True)
class Head:
    """The commit a ref points at."""

    commit: str
    tree: str = ""


@dataclass(frozen=True, slots=True)
class TreePage:
    """Part of a tree. `cut`: the forge left rows out; `more`: they are on the next page."""

    rows: tuple[TreeRow, ...]
    cut: bool = False
    more: bool = False


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many requests are left. `reset` is wall seconds; None where the forge does not say. `resource` is what is counted: GitHub
    counts searches apart."""

    limit: int
    left: int
    reset: float | None = None
    resource: str = ""

    @property
    def is_general(self) -> bool:
        """Whether it is the one that everything but searches is taken from."""
        return self.resource in ("", "core")


def read_repo(value: object) -> Repo:
    """One repository. Raises DataError `forge.bad_answer`."""
    row = _mapping(value, "repository")
    owner = _inner(row, "owner") or _inner(row, "namespace")
    space = _inner(row, "namespace") if "path_with_namespace" in row else owner
    name = _text(row, "full_name", "path_with_namespace")
    repo_id, owner_id = _number_text(row.get("id")), _number_text(space.get("id"))
    if not repo_id or not owner_id:
        raise DataError("forge.bad_answer", what="repository", reason="no numeric id of owner and repository")
    try:
        check_name(name)
    except OoderError:
        raise DataError("forge.bad_answer", what="repository", reason=f"name {clean(name, 60)!r}") from None
    topics = row.get("topics") or row.get("project_labels") or row.get("tag_list")
    return Repo(
        name=name,
        repo_id=repo_id,
        owner_id=owner_id,
        owner=_text(space, "login", "username", "full_path", "path") or name.rpartition("/")[0],
        branch=_text(row, "default_branch")[: limits.GIT_REF_CHARS],
        description=_text(row, "description")[: limits.DESCRIPTION_CHARS],
        license=_license(row.get("license"))[: limits.NAME_CHARS],
        homepage=_text(row, "homepage", "website")[: limits.NAME_CHARS],
        topics=_topics(topics),
        stars=_number(row, "stargazers_count", "stars_count", "star_count"),
        forks=_number(row, "forks_count"),
        pushed=_text(row, "pushed_at")[: limits.VERSION_CHARS],
        updated=_text(row, "updated_at", "last_activity_at")[: limits.VERSION_CHARS],
        archived=_flag(row, "archived"),
        fork=_flag(row, "fork") or bool(row.get("forked_from_project")),
        private=_flag(row, "private", "internal") or _text(row, "visibility") in ("private", "internal"),
        empty=_flag(row, "empty", "empty_repo"),
    )


def read_repos(value: object, heads: Mapping[str, str]) -> Repos:
    """A page of a search or of an owner's list. Raises DataError `forge.bad_answer` when it is no list at all."""
    listed, said = value, 0
    if isinstance(value, dict):
        if value.get("ok") in (False, "false"):
            raise DataError("forge.bad_answer", what="search", reason=clean(_text(value, "error", "message"), 100))
        listed, said = value.get("items", value.get("data")), _number(value, "total_count")
    if not isinstance(listed, list):
        raise DataError("forge.bad_answer", what="search", reason=f"no {NO_ROWS}")
    found = []
    for row in listed[: limits.FORGE_ROWS]:
        try:
            found.append(read_repo(row))
        except DataError:
            continue
    total = said or _number(dict(heads), "total_count", "x-total-count", "x-total")
    return Repos(tuple(found), min(len(listed), limits.FORGE_ROWS) - len(found), total, _has_next(heads, len(listed)))


def read_head(value: object) -> Head:
    """A commit, or the first of a list. Raises DataError `forge.bad_answer`."""
    row = _mapping(value[0] if isinstance(value, list) and value else value, "commit")
    commit = _text(row, "sha", "id")
    if not is_oid(commit):
        raise DataError("forge.bad_answer", what="commit", reason="no object id")
    tree = _text(_inner(_inner(row, "commit"), "tree") or _inner(row, "tree"), "sha", "id")
    return Head(commit, tree if is_oid(tree) else "")


def read_tree(value: object, heads: Mapping[str, str]) -> TreePage:
    """A tree, or a page of one. Raises DataError `forge.bad_answer`, also for a single row that is not one: half a tree is none."""
    cut = False
    listed = value
    if isinstance(value, dict):
        listed, cut = value.get("tree"), _flag(value, "truncated")
    if not isinstance(listed, list):
        raise DataError("forge.bad_answer", what="tree", reason=f"no {NO_ROWS}")
    rows = tuple(_tree_row(row) for row in listed)
    if isinstance(value, dict) and "page" in value:  # Gitea: what is left out is on the next page
        return TreePage(rows, more=bool(rows) and cut)
    return TreePage(rows, cut=cut, more=isinstance(value, list) and _has_next(heads, len(rows)))


def _tree_row(value: object) -> TreeRow:
    row = _mapping(value, "tree")
    path, kind, oid, mode = _text(row, "path"), _text(row, "type"), _text(row, "sha", "id"), _text(row, "mode")
    if not path or not is_oid(oid) or kind not in ("blob", "tree", "commit"):
        raise DataError("forge.bad_answer", what="tree", reason=clean(f"row {path or '?'}", 100))
    mode = mode.zfill(6) if mode else {"tree": "040000", "commit": "160000"}.get(kind, "100644")
    return path, mode, kind, oid


def read_blob(value: object, oid: str, most: int) -> bytes | int:
    """The content of object `oid`, or its size when that is over `most` bytes.

    Raises DataError `forge.bad_answer`, IntegrityError `forge.wrong_content` when the bytes are not those of the object.
    """
    row = _mapping(value, "file")
    size = _number(row, "size")
    if size > most:
        return size
    content, encoding = row.get("content"), _text(row, "encoding") or "base64"
    if not isinstance(content, str) or encoding not in ("base64", "utf-8", "text"):
        raise DataError("forge.bad_answer", what="file", reason=f"encoding {clean(encoding, 20)}")
    try:
        data = base64.b64decode(content, validate=False) if encoding == "base64" else content.encode("utf-8")
    except (binascii.Error, ValueError):
        raise DataError("forge.bad_answer", what="file", reason="no base64") from None
    check_content(data, oid)
    return data if len(data) <= most else len(data)


def check_content(data: bytes, oid: str) -> None:
    """Raises IntegrityError `forge.wrong_content` when git would name `data` otherwise."""
    method = hashlib.sha256 if len(oid) == 64 else hashlib.sha1
    if method(b"blob %d\0" % len(data) + data).hexdigest() != oid:
        raise IntegrityError("forge.wrong_content", oid=oid)


def read_tags(value: object, heads: Mapping[str, str]) -> tuple[dict[str, str], bool]:
    """Tag -> commit, and whether another page follows. Rows that cannot be read are left out. Raises DataError `forge.bad_answer`."""
    if not isinstance(value, list):
        raise DataError("forge.bad_answer", what="tags", reason=f"no {NO_ROWS}")
    found = {}
    for row in value[: limits.FORGE_ROWS]:
        if not isinstance(row, dict):
            continue
        name, commit = _text(row, "name"), _text(_inner(row, "commit"), "sha", "id")
        if name and len(name) <= limits.GIT_REF_CHARS and is_oid(commit):
            found[clean(name, limits.GIT_REF_CHARS)] = commit
    return found, _has_next(heads, len(value))


def read_allowance(heads: Mapping[str, str]) -> Allowance | None:
    """`X-RateLimit-*` (GitHub, Gitee) or `RateLimit-*` (GitLab)."""
    for start in ("x-ratelimit-", "ratelimit-"):
        limit, left = heads.get(f"{start}limit", ""), heads.get(f"{start}remaining", "")
        if _DIGITS.fullmatch(limit) and _DIGITS.fullmatch(left):
            reset = heads.get(f"{start}reset", "")
            until = float(reset) if _DIGITS.fullmatch(reset) else None
            return Allowance(int(limit), int(left), until, heads.get(f"{start}resource", "")[:20])
    return None


def seconds_of(text: str) -> float:
    """Wall seconds of a time as forges write it, 0.0 for none."""
    try:
        return max(0.0, datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())
    except (ValueError, OverflowError, OSError):
        return 0.0


# --- Fields -----------------------------------------------------------------------------------------------------------
def _mapping(value: object, what: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise DataError("forge.bad_answer", what=what, reason="no object")
    return value


def _inner(row: Mapping[str, object], key: str) -> dict[str, object]:
    found = row.get(key)
    return found if isinstance(found, dict) else {}


def _text(row: Mapping[str, object], *keys: str) -> str:
    for key in keys:
        found = row.get(key)
        if isinstance(found, str) and found:
            return found.encode("utf-8", "replace").decode("utf-8")
    return ""


def _number_text(value: object) -> str:
    """An id: a whole number, or digits."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return ""
    text = str(value)
    return str(int(text)) if _DIGITS.fullmatch(text) and text.isascii() and int(text) else ""


def _number(row: Mapping[str, object], *keys: str) -> int:
    for key in keys:
        text = _number_text(row.get(key))
        if text:
            return min(int(text), 2**53)
    return 0


def _flag(row: Mapping[str, object], *keys: str) -> bool:
    return any(row.get(key) is True or row.get(key) == "true" for key in keys)


def _license(value: object) -> str:
    if isinstance(value, dict):
        return _text(value, "spdx_id", "key", "name")
    return value if isinstance(value, str) else ""


def _topics(value: object) -> tuple[str, ...]:
    def names() -> Iterator[str]:
        for one in value if isinstance(value, list) else ():
            text = _text(one, "name", "ident") if isinstance(one, dict) else one
            if isinstance(text, str) and text:
                yield clean(text, limits.NAME_CHARS)

    return tuple(names())[: limits.TAGS]


def _has_next(heads: Mapping[str, str], rows: int) -> bool:
    """Whether another page follows: as the header lines say, else when this page is full."""
    if not rows:
        return False
    if (link := heads.get("link", "")[:8_192]) or "x-next-page" in heads:
        return bool(_NEXT.search(link)) or bool(heads.get("x-next-page", "").strip())
    return rows >= limits.FORGE_ROWS
