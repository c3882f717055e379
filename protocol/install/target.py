"""What a person may name to be installed, besides a ref: a place in a git repository, or the address of one package file.

Forms of a place in a repository, each with an optional folder and an optional branch, tag or full commit:

    https://host/owner/repo.git//folder@ref     https://host/owner/repo.git@ref#folder     git+https://host/owner/repo
    https://host/owner/repo/tree/ref/folder     user@host:owner/repo.git//folder           file:///path/repo.git#folder

An `http(s)` address whose last part names a package or a manifest (`.zip`, `.skill`, `.tar.gz`, `.tgz`, `.jar`, `SKILL.md`, ...)
is the address of that one file. Everything else is left to others: None.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from protocol.errors import UsageError
from protocol.git_rules import SCHEMES, RepoUrl, check_ref, clean, parse_url
from protocol.manifests.places import MANIFEST_NAMES

ARCHIVES: Final = (".zip", ".skill", ".tar.gz", ".tgz", ".jar")
"""Endings of package files."""
_SCP = re.compile(r"[a-z][a-z0-9_-]{0,31}@[A-Za-z0-9][A-Za-z0-9.-]*:(?!//)")
_PAGE = re.compile(
    r"(?P<repo>https?://[^/]+(?:/[^/]+){2,}?)(?:/-)?/(?:tree|blob|src/(?:branch|tag|commit))/(?P<ref>[^/@#]+)(?:/(?P<path>[^@#]*))?"
)


@dataclass(frozen=True, slots=True)
class RepositoryTarget:
    """A folder of a repository; `ref` "" follows the default branch, `path` "" is the top."""

    url: RepoUrl
    ref: str = ""
    path: str = ""

    def __str__(self) -> str:
        return f"{self.url}{f'@{self.ref}' if self.ref else ''}{f'#{self.path}' if self.path else ''}"


@dataclass(frozen=True, slots=True)
class FileTarget:
    """One package or manifest file at an http(s) address."""

    url: str

    @property
    def name(self) -> str:
        """Its file name."""
        return _last_part(self.url)


def parse_target(text: str) -> RepositoryTarget | FileTarget | None:
    """Read an address; None when `text` is none (a ref or a path on this disk, a `file:` address of a package or folder included).

    Raises UsageError `git.bad_url`, `git.bad_ref`.

    >>> parse_target("https://example.org/team/skills.git//pdf@v1.2")
    RepositoryTarget(url=RepoUrl(scheme='https', host='example.org', path='/team/skills.git', port=0, user=''), ref='v1.2', path='pdf')
    """
    body = text.removeprefix("git+")
    scheme = body.partition("://")[0] if "://" in body else "ssh" if _SCP.match(body) else ""
    if scheme not in SCHEMES:
        if re.match(r"[a-z][a-z0-9+.-]*://", body):
            raise UsageError("git.bad_url", url=clean(text, 200), reason=f"nothing is installed by {scheme[:20]}:")
        return None
    if body is text and _names_a_file(body, scheme):
        return FileTarget(text) if scheme in ("http", "https") else None
    if body is text and scheme == "file" and not re.search(r"\.git(?:$|[/@#])|#", body):
        return None
    if page := _PAGE.fullmatch(body):
        return _target(text, page["repo"], page["ref"], page["path"] or "")
    return _target(text, *_split(body, text))


def file_path(text: str) -> str:
    """The path of a `file:` address that is no repository, else `text` as it is."""
    return unquote(text.removeprefix("file://")) if text.startswith("file:///") else text


def is_package_name(name: str) -> bool:
    """Whether a file of this name can be installed by itself: a package, or a manifest of one item."""
    return name.lower().endswith(ARCHIVES) or name in MANIFEST_NAMES


def _names_a_file(body: str, scheme: str) -> bool:
    start = body.find("://") + 3
    rest = body[start + (scheme == "file") :]
    return is_package_name(_last_part(body)) and "//" not in rest and "#" not in rest and not _PAGE.fullmatch(body)


def _last_part(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


def _split(body: str, text: str) -> tuple[str, str, str]:
    """(address, ref, path) of the two written forms."""
    address, _, path = body.partition("#")
    found = _SCP.match(address)
    start = found.end() if found else address.index("://") + 4
    at = address.find("//", start)
    if at < 0:
        slash = start if found else address.find("/", start - 1)
        repo, sign, ref = address[max(slash, 0) :].rpartition("@")
        return (address[: max(slash, 0)] + repo, ref, path) if sign else (address, "", path)
    if path:
        raise UsageError(
            "git.bad_url", url=clean(text, 200), reason="the folder stands after '//' or after '#', not both"
        )
    folder, sign, ref = address[at + 2 :].rpartition("@")
    return address[:at], ref if sign else "", folder if sign else ref


def _target(text: str, address: str, ref: str, path: str) -> RepositoryTarget:
    path = path.strip("/")
    if any(part in ("", ".", "..") for part in path.split("/")) and path:
        raise UsageError("git.bad_url", url=clean(text, 200), reason="the folder has an empty part, '.' or '..'")
    return RepositoryTarget(parse_url(address, SCHEMES), check_ref(ref) if ref else "", path)
