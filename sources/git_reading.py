"""From the tree of a commit and file contents to readings: everything of `git_repository` that needs no waiting. Pure."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol

from protocol import limits
from protocol.digest import TreeFile, tree_digest
from protocol.errors import DataError
from protocol.git_rules import RepoUrl, Tree, build_location
from protocol.items import Channel, Evidence, Problem, Reading
from protocol.manifests import is_manifest, read_manifest, resolve_includes
from protocol.manifests.collection import item_folder, sightings_of

SOURCE: Final = "git_repository"
ROOT: Final = "."
"""The place that stands for the repository itself: its signature is the commit that was read, its problems are the repository's."""

_FORMAT: Final = "2"
"""Raised when manifests are read differently, so that every repository is read again once."""

Contents = Mapping[str, bytes | int]
"""Object id -> content, or size when it is too large."""


@dataclass(frozen=True, slots=True)
class Repository:
    """One configured repository. `uid` is set when it lies on this disk and belongs to this user."""

    url: RepoUrl
    ref: str = ""
    name: str = ""
    uid: int | None = None

    @property
    def origin(self) -> str:
        """`<url>`, or `<url>@<ref>` when one branch or tag is followed."""
        return f"{self.url}@{self.ref}" if self.ref else str(self.url)

    @property
    def title(self) -> str:
        """What people read."""
        return self.name or self.url.name or self.url.path.rsplit("/", 1)[-1]

    @property
    def principal(self) -> str:
        """`git:<host>/<owner>/<repository>` in lower case; `local:<uid>` for one's own repository on this disk, as for one's own
        folders; `git:file#<path>` for a repository on this disk that others can write."""
        if self.url.scheme != "file":
            return f"git:{self.url.name}"
        return f"git:file#{self.url.path}" if self.uid is None else f"local:{self.uid}"

    def evidence(self, commit: str) -> Evidence:
        """Why anybody should believe what is read from `commit`."""
        if self.url.scheme in ("https", "ssh"):
            return Evidence(Channel.ORIGIN, owner=self.url.owner, commit=commit)
        if self.url.scheme == "file":
            return Evidence(Channel.FOREIGN_FILES if self.uid is None else Channel.OWN_FILES, commit=commit)
        return Evidence(Channel.PLAIN, owner=self.url.owner, commit=commit)


class Speaker(Protocol):
    """Whoever the files of a commit speak for."""

    @property
    def url(self) -> RepoUrl: ...
    @property
    def origin(self) -> str: ...
    @property
    def principal(self) -> str: ...
    def evidence(self, commit: str) -> Evidence: ...


def root_signature(commit: str) -> str:
    """What marks a repository as read at `commit`."""
    return f"{_FORMAT}:{commit}"


def commit_of(signature: str) -> str:
    """The commit that was read when this signature of `ROOT` was kept, "" for none; also if the last look failed."""
    return signature.removesuffix("!").partition(":")[2]


@dataclass(frozen=True)
class Look:
    """One commit of one repository, looked at from `at` (wall seconds)."""

    repository: Speaker
    tree: Tree
    at: float
    source: str = SOURCE

    @cached_property
    def paths(self) -> Sequence[str]:
        """All files, sorted."""
        return sorted(self.tree.files)

    def manifests(self) -> list[str]:
        """The places worth reading without being told."""
        return [path for path in self.paths if is_manifest(path)]

    def signature(self, place: str) -> str:
        """Changes when the manifest or anything in its item's folder does: object ids of both."""
        folder = item_folder(place)
        around = "" if folder == place else self.tree.folders.get(folder, self.tree.commit)
        return f"{_FORMAT}:{self.tree.files[place].oid}:{around}"

    def package(self, place: str) -> Sequence[str]:
        """The files of the item whose manifest is `place`: its folder's, or the manifest alone where one folder holds many."""
        folder = item_folder(place)
        if folder == place:
            return (place,)
        return self.below(folder)

    def below(self, folder: str) -> Sequence[str]:
        """All files below `folder`, "" for all there are."""
        if not folder:
            return self.paths
        return self.paths[bisect_left(self.paths, folder + "/") : bisect_left(self.paths, folder + "0")]

    def wanted(self, places: Collection[str]) -> list[str]:
        """Object ids to have at hand: the manifests, and their packages where these hold nothing but manifests."""
        files = set(places)
        for place in places:
            package = self.package(place)
            if len(package) < limits.GIT_SMALL_PACKAGE and all(is_manifest(path) for path in package):
                files.update(package)
        return list(dict.fromkeys(self.tree.files[path].oid for path in sorted(files)))

    def reading(self, place: str, contents: Contents) -> tuple[Reading, tuple[str, ...]]:
        """What `place` says, and the further files it pulls in. `at` of the sightings is the start of the look."""
        repository, content = self.repository, contents.get(self.tree.files[place].oid)
        if not isinstance(content, bytes):
            why = {"size": content, "limit": limits.MANIFEST_BYTES} if content is not None else {}
            code = "git.file_missing" if content is None else "git.file_too_large"
            # What was not sent is asked for again; what is too large stays so.
            signature = "" if content is None else self.signature(place)
            problem = Problem(code, place, 0, why)
            return Reading(self.source, repository.origin, place, self.at, (), (problem,), signature), ()
        manifest = read_manifest(place, content)
        includes, refused = resolve_includes(place, manifest.includes, self.paths) if manifest.includes else ((), ())
        package = self.package(place)
        digest, size = self._digest(place, package, contents) if manifest.items else ("", 0)
        sightings = sightings_of(
            manifest,
            source=self.source,
            origin=repository.origin,
            place=place,
            location=lambda path: build_location(repository.url, self.tree.commit, path),
            principal=repository.principal,
            evidence=repository.evidence(self.tree.commit),
            at=self.at,
            digest=digest,
            manifest_digest=f"sha256:{hashlib.sha256(content).hexdigest()}",
            size=size,
            files=len(package),
        )
        problems = (*manifest.problems, *refused)
        reading = Reading(self.source, repository.origin, place, self.at, sightings, problems, self.signature(place))
        return reading, includes

    def _digest(self, place: str, package: Sequence[str], contents: Contents) -> tuple[str, int]:
        """Tree digest and size, if every file of the package is at hand; else "" and 0."""
        held = [(path, contents.get(self.tree.files[path].oid)) for path in package]
        start = len(folder) + 1 if (folder := folder_of(place)) else 0
        files = [
            TreeFile(path[start:], self.tree.files[path].executable, len(data), hashlib.sha256(data).hexdigest())
            for path, data in held
            if isinstance(data, bytes)
        ]
        if len(files) != len(held) or self._is_spoiled(place):
            return "", 0
        try:
            return tree_digest(files), sum(file.size for file in files)
        except DataError:  # such names never pass the rules of trees; without a digest nothing is installed from here
            return "", 0

    def _is_spoiled(self, place: str) -> bool:
        """Whether the package of `place` has files that could not be named, so that a digest would be of less than the whole."""
        folder = item_folder(place)
        if folder == place:
            return False
        return any(one == folder or one.startswith(folder + "/") or not folder for one in self.tree.spoiled)

    def remarks(self, old: str, rewritten: bool | None, ref: str) -> tuple[Problem, ...]:
        """What is odd about the repository as a whole. `old` was seen before; `rewritten` says whether it is gone, None: unknown."""
        found = [
            Problem(code, path, fatal=False)
            for path, code in self.tree.refused
            if code != "git.link_ignored" or is_manifest(path)
        ]
        if rewritten is not False:
            params = {"url": str(self.repository.url), "old": old[:12], "ref": ref}
            code = "git.history_rewritten" if rewritten else "git.history_unknown"
            found.insert(0, Problem(code, ROOT, 0, params, fatal=False))
        return tuple(found[: limits.FOLDER_PROBLEMS])


def folder_of(place: str) -> str:
    """The folder that paths of the item's digest are relative to."""
    folder = item_folder(place)
    return place.rpartition("/")[0] if folder == place else folder
