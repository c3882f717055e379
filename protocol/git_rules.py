"""Git, as far as it can be decided without git: which addresses and refs are allowed, how repositories are named, what output means.

SECURITY 4.2: only the URL, the ref and paths are ever variable in a git command, and all three pass the grammars here first.
Everything a remote says (refs, trees, error text) is read here, within bounds.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from protocol import limits
from protocol.digest import belongs, is_git_folder
from protocol.errors import DataError, NotFoundError, UsageError

SCHEMES: Final = ("https", "ssh", "file", "git", "http")
_PORTS = {"https": 443, "ssh": 22, "git": 9418, "http": 80}
_NET = re.compile(
    r"(?P<scheme>https|ssh|git|http)://(?:(?P<user>[a-z][a-z0-9_-]{0,31})@)?"
    r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)(?::(?P<port>[0-9]{1,5}))?(?P<path>(?:/[A-Za-z0-9._~+-]+)+)/?"
)
_SCP = re.compile(
    r"(?P<user>[a-z][a-z0-9_-]{0,31})@(?P<host>[A-Za-z0-9][A-Za-z0-9.-]{0,252}):(?P<path>[A-Za-z0-9._~+/-]+)"
)
_FILE = re.compile(r"file://(?P<path>(?:/[^/\x00-\x20\x7f%:?#@\\*\"<>|$`;&\u2028\u2029\ud800-\udfff]+)+)/?")
_OID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_REF = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*(?:/[A-Za-z0-9_][A-Za-z0-9._+-]*)*")
_LOCATION = re.compile(r"git\+(?P<url>[^#]+)@(?P<commit>[0-9a-f]{64}|[0-9a-f]{40})#(?P<path>.*)")
_USERINFO = re.compile(r"//[^/@\s]+@")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa0-\u2027\u202f-\ud7ff\ue000-\ufeff]")
_BAD_NAME = re.compile(r"[\x00-\x1f\x7f\\:\ud800-\udfff]")
_INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]")
_REASON_WORDS = re.compile(
    r"(?:fatal|error|remote|ssh): (?P<text>.+)|(?P<bare>.*(?:denied|refused|resolve|timed out|not found).*)", re.I
)


@dataclass(frozen=True, slots=True)
class RepoUrl:
    """An address that passed the grammar. `path` starts with "/" and has no trailing one; `port` 0 is the scheme's own."""

    scheme: str
    host: str
    path: str
    port: int = 0
    user: str = ""

    def __str__(self) -> str:
        user = f"{self.user}@" if self.user else ""
        port = f":{self.port}" if self.port else ""
        return f"{self.scheme}://{user}{self.host}{port}{self.path}"

    @property
    def name(self) -> str:
        """`host/owner/repo` in lower case, as one repository is named whatever way it is reached; "" for a file repository."""
        if self.scheme == "file":
            return ""
        port = f":{self.port}" if self.port else ""
        return f"{self.host}{port}{self.path.removesuffix('.git')}".lower()

    @property
    def owner(self) -> str:
        """`host/owner`, or `host` alone when the path has one part."""
        return self.name.rsplit("/", 1)[0] if self.name.count("/") < 2 else "/".join(self.name.split("/")[:2])


def parse_url(text: str, allow: Sequence[str] = ("https",)) -> RepoUrl:
    """Read a repository address. Raises UsageError `git.bad_url` or `git.scheme_refused`.

    Accepts `https://host[:port]/path`, `ssh://[user@]host[:port]/path`, `user@host:path`, `file:///path`, `git://` and
    `http://`, each only if its scheme is in `allow`. Nothing else is an address: no password, no escape, no option, no `..`.

    >>> parse_url("https://github.com/oodercn/skills.git").name
    'github.com/oodercn/skills'
    """
    shown = clean(text, 200)
    if len(text) > limits.GIT_URL_CHARS:
        raise UsageError("git.bad_url", url=shown, reason="too long")
    found = _NET.fullmatch(text) or _FILE.fullmatch(text) or _SCP.fullmatch(text)
    if found is None or any(part in (".", "..") or part.startswith("-") for part in found["path"].split("/")):
        raise UsageError("git.bad_url", url=shown, reason=_why_not(text))
    part = {"scheme": "ssh" if found.re is _SCP else "file", "user": "", "host": "", "port": ""} | found.groupdict(
        default=""
    )
    if part["scheme"] not in allow:
        raise UsageError("git.scheme_refused", url=shown, scheme=part["scheme"], allowed=", ".join(allow))
    if part["user"] and part["scheme"] != "ssh":
        raise UsageError("git.bad_url", url=shown, reason="a user name or password does not belong in the address")
    if ".." in part["host"] or int(part["port"] or 0) > 65535:
        raise UsageError("git.bad_url", url=shown, reason="bad host or port")
    port = int(part["port"] or 0)
    path = "/" + part["path"].strip("/")
    return RepoUrl(
        part["scheme"], part["host"].lower(), path, 0 if port == _PORTS.get(part["scheme"]) else port, part["user"]
    )


def _why_not(text: str) -> str:
    if re.match(r"[a-z]+://[^/]*@", text):
        return "a user name or password does not belong in the address"
    if "::" in text:
        return "'::' would start a helper program"
    if text.startswith("-"):
        return "it looks like an option"
    if re.search(r"[\x00-\x20\x7f]", text):
        return "it contains a blank or a control character"
    if "%" in text or ".." in text:
        return "'%' and '..' are not allowed"
    return "expected https://host/owner/repository"


def check_ref(text: str) -> str:
    """Return `text` if it can be a branch, a tag, a full ref or a full commit id. Raises UsageError `git.bad_ref`."""
    parts = text.split("/")
    bad = ".." in text or any(part.endswith((".lock", ".")) for part in parts) or len(text) > limits.GIT_REF_CHARS
    if bad or _REF.fullmatch(text) is None:
        raise UsageError("git.bad_ref", ref=clean(text, 100))
    return text


def is_oid(text: str) -> bool:
    """Whether `text` is a full object id (SHA-1 or SHA-256)."""
    return _OID.fullmatch(text) is not None


def mirror_name(url: RepoUrl) -> str:
    """The stable folder name of a repository's mirror: readable, and distinct for distinct addresses.

    >>> mirror_name(parse_url("https://github.com/oodercn/skills.git"))
    'github.com-oodercn-skills-98de3b7b3f.git'
    """
    readable = re.sub(r"[^a-z0-9.]+", "-", (url.name or url.path.lower()).strip("/"))[-80:].strip("-.")
    return f"{readable}-{hashlib.sha256(str(url).encode('utf-8')).hexdigest()[:10]}.git"


def build_location(url: RepoUrl, commit: str, path: str) -> str:
    """`git+<url>@<commit>#<path>`: where the bytes of `path` at `commit` can be asked for."""
    return f"git+{url}@{commit}#{quote(path, safe='/')}"


def read_location(text: str, allow: Sequence[str]) -> tuple[RepoUrl, str, str]:
    """Twin of `build_location`: (url, commit, path). Raises DataError `git.bad_location`, UsageError as `parse_url`."""
    found = _LOCATION.fullmatch(text)
    if found is None:
        raise DataError("git.bad_location", location=clean(text, 200))
    return parse_url(found["url"], allow), found["commit"], unquote(found["path"])


@dataclass(frozen=True, slots=True)
class Tip:
    """What a ref of the remote points at now. `ref` is the full ref name, or the commit itself when a commit was configured."""

    commit: str
    ref: str


def tip_patterns(ref: str) -> tuple[str, ...]:
    """What to ask `ls-remote` for; "" asks for the default branch."""
    if not ref:
        return ("HEAD",)
    names = (ref,) if ref.startswith("refs/") else (f"refs/heads/{ref}", f"refs/tags/{ref}")
    return tuple(pattern for name in names for pattern in (name, f"{name}^{{}}"))


def read_tip(output: bytes, ref: str) -> Tip | None:
    """Read `ls-remote --symref`. None: the repository is empty or has no default branch. Branches win over tags of one name.

    Raises NotFoundError `git.no_such_ref` when a named ref is not there, DataError `git.bad_answer`.
    """
    found: dict[str, str] = {}
    default = "HEAD"
    for line in output.decode("utf-8", "replace").splitlines():
        value, _, name = line.partition("\t")
        if value.startswith("ref: ") and name == "HEAD":
            default = clean(value[5:], limits.GIT_REF_CHARS)
        elif is_oid(value):
            found[name] = value
        else:
            raise DataError("git.bad_answer", reason=clean(line, 100))
    if not ref:
        return Tip(found["HEAD"], default) if "HEAD" in found else None
    for pattern in sorted(tip_patterns(ref), key=lambda name: ("/tags/" in name, not name.endswith("^{}"))):
        if pattern in found:
            return Tip(found[pattern], pattern.removesuffix("^{}"))
    raise NotFoundError("git.no_such_ref", ref=ref)


@dataclass(frozen=True, slots=True)
class CommitNote:
    """Who made a commit, when (seconds since 1970) and why, as the commit says: shown, never trusted."""

    commit: str
    time: int
    author: str
    summary: str

    @classmethod
    def of(cls, commit: str, time: int, author: str, summary: str) -> CommitNote:
        """With both texts made printable and cut."""
        return cls(commit, time, clean(author, limits.NAME_CHARS), clean(summary, limits.NAME_CHARS))


@dataclass(frozen=True, slots=True)
class File:
    """One regular file of a tree."""

    oid: str
    executable: bool


TreeRow = tuple[str, str, str, str]
"""(path, mode, kind, object id)."""


@dataclass(frozen=True, slots=True)
class Tree:
    """What a commit contains. `refused` are paths that are never read: (path made printable, message code)."""

    commit: str
    files: Mapping[str, File]
    folders: Mapping[str, str]  # path -> tree oid; it changes when anything below changes
    refused: tuple[tuple[str, str], ...] = ()
    spoiled: frozenset[str] = frozenset()
    """Folders ("" = the root) in which a name stands that no tree can hold: whatever contains one has no digest."""


def read_tree(output: bytes, commit: str, max_entries: int) -> Tree:
    """Read `ls-tree -r -t -z --full-tree`; see `tree_of_rows`. Raises DataError `git.too_many_files` or `git.bad_answer`."""
    rows = output.split(b"\0")[:-1]
    if len(rows) > max_entries:
        raise DataError("git.too_many_files", limit=max_entries)
    return tree_of_rows(map(_read_row, rows), commit)


def _read_row(row: bytes) -> TreeRow:
    head, tab, name = row.partition(b"\t")
    mode, kind, oid = (*head.decode("ascii", "replace").split(" "), "", "")[:3]
    if not tab or not is_oid(oid):
        raise DataError("git.bad_answer", reason=clean(row[:100].decode("utf-8", "replace"), 100))
    return name.decode("utf-8", "surrogateescape"), mode, kind, oid


def tree_of_rows(rows: Iterable[TreeRow], commit: str) -> Tree:
    """A tree from all its rows. Links, submodules and names that are not plain paths are refused, not followed; what belongs to no
    tree (docs/protocol/digest.md, 1.6) is left out as if it were not there."""
    files: dict[str, File] = {}
    folders: dict[str, str] = {}
    refused: list[tuple[str, str]] = []
    spoiled: set[str] = set()
    for path, mode, kind, oid in rows:
        if not is_plain_path(path):
            refused.append((clean(path, 200), "git.bad_path"))
            if belongs(path):
                spoiled.add(path.rpartition("/")[0])
        elif not belongs(path):
            continue
        elif kind == "tree":
            folders[path] = oid
        elif mode in ("100644", "100755", "100664"):
            files[path] = File(oid, mode == "100755")
        else:
            refused.append((path, "git.submodule_ignored" if kind == "commit" else "git.link_ignored"))
    return Tree(commit, files, folders, tuple(refused[: limits.PROBLEMS_KEPT]), frozenset(spoiled))


def is_plain_path(path: str) -> bool:
    """Whether every part of `path` is an ordinary name: nothing that some file system reads as `..` or `.git`.

    >>> is_plain_path("skills/日报/skill.yaml"), is_plain_path("a/.GIT/config")
    (True, False)
    """
    if _BAD_NAME.search(path) or len(path) > limits.GIT_PATH_CHARS:
        return False
    parts = _INVISIBLE.sub("", path).split("/")
    return all(part not in ("", ".", "..") and not is_git_folder(part) for part in parts)


def clean(text: str, length: int) -> str:
    """`text` with everything unprintable escaped and credentials of URLs hidden, at most `length` characters."""
    hidden = _USERINFO.sub("//***@", text[: 4 * length])
    return _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], hidden)[:length]


def reason_of(stderr: str) -> str:
    """The one line of git's error output worth showing, cleaned. Remote text is data: it is cut and escaped."""
    lines = [found for line in stderr.splitlines() if (found := _REASON_WORDS.fullmatch(line.strip()))]
    if not lines:
        return clean(stderr.strip().splitlines()[-1], 200) if stderr.strip() else "git gave no reason"
    first = next((found for found in lines if found["text"]), lines[0])
    return clean(first["text"] or first["bare"], 200)
