"""From one commit of a repository on a forge to readings: who it speaks for, what the forge says of it, what its items show. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from protocol import limits
from protocol.forge.answers import Repo, seconds_of
from protocol.forge.dialects import Forge
from protocol.forge.memory import FAILED, ROOT, is_taken_over, mark_of
from protocol.git_rules import RepoUrl, clean, parse_url
from protocol.items import Channel, Evidence, Json, Problem, Reading, Sighting, Status
from protocol.manifests.collection import item_folder
from sources.git_reading import Contents, Look

_README: Final = re.compile(r"README(?:\.[A-Za-z-]{2,8})?\.(?:md|markdown|rst|txt)|README", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Hosted:
    """One repository as it was asked for and found. `first` are the ids it had when it was first seen."""

    forge: Forge
    repo: Repo
    asked: str
    ref: str = ""
    expected: str = ""
    first: str = ""
    named: bool = True  # by a person, or by a search: then not all of it need be read

    @property
    def origin(self) -> str:
        """Where it was asked for: it stays the same when the repository is renamed."""
        return origin_of(self.forge, self.asked, self.ref)

    @property
    def title(self) -> str:
        return self.repo.name

    @property
    def url(self) -> RepoUrl:
        return parse_url(self.forge.clone(self.repo.name), ("https", "http"))

    @property
    def principal(self) -> str:
        """`git:<host>#<owner id>/<repository id>`: whatever the names are (SECURITY 2.1)."""
        return f"git:{self.forge.host}#{self.repo.ids}"

    @property
    def taken_over(self) -> bool:
        return is_taken_over(self.repo, self.first, self.expected)

    def evidence(self, commit: str) -> Evidence:
        """What was granted to the owner's name counts only for the owner it was granted to."""
        channel = Channel.ORIGIN if self.forge.api.startswith("https://") else Channel.PLAIN
        owner = "" if self.taken_over else f"{self.forge.host}/{self.repo.owner}".lower()
        return Evidence(channel, owner=owner, commit=commit)


def origin_of(forge: Forge, name: str, ref: str = "") -> str:
    """`https://host/owner/name`, with `@ref` when one branch or tag is followed."""
    return forge.page_of(name) + (f"@{ref}" if ref else "")


class ForgeLook(Look):
    """A look that also tells what the forge says: counts as signals, the rest as the fact `forge` of every item."""

    @property
    def _hosted(self) -> Hosted:
        assert isinstance(self.repository, Hosted)
        return self.repository

    @cached_property
    def readme(self) -> str:
        """The path of the repository's README, "" for none."""
        found = [path for path in self.paths if "/" not in path and _README.fullmatch(path)]
        return min(found, key=lambda path: (len(path), path), default="")

    def manifests(self) -> list[str]:
        """All of a repository that a person named; of others the highest in the tree, so that nobody fills the index by a topic."""
        found = super().manifests()
        if self._hosted.named or len(found) <= limits.FORGE_MANIFESTS:
            return found
        return sorted(sorted(found, key=lambda path: (path.count("/"), path))[: limits.FORGE_MANIFESTS])

    def remarks(self, old: str, rewritten: bool | None, ref: str) -> tuple[Problem, ...]:
        """What is odd about the repository as a whole, and what was left out."""
        found = super().remarks(old, rewritten, ref)
        count = len(super().manifests())
        if self._hosted.named or count <= limits.FORGE_MANIFESTS:
            return found
        params: dict[str, str | int] = {"name": self._hosted.repo.name, "count": count, "limit": limits.FORGE_MANIFESTS}
        return (Problem("forge.too_many_manifests", ROOT, 0, params, fatal=False), *found)

    def signature(self, place: str) -> str:
        """Changes also with what is shown of the repository itself."""
        hosted, repo = self._hosted, self._hosted.repo
        return f"{super().signature(place)}:{repo.ids}{FAILED * hosted.taken_over}:{repo.name}:{mark_of(repo)}"

    def wanted(self, places: Collection[str]) -> list[str]:
        """The README too."""
        oids = super().wanted(places)
        if self.readme and places:
            oids.append(self.tree.files[self.readme].oid)
        return list(dict.fromkeys(oids))

    def reading(self, place: str, contents: Contents) -> tuple[Reading, tuple[str, ...]]:
        """What `place` says, dressed with what the forge says of the repository."""
        found, includes = super().reading(place, contents)
        files = [path[len(item_folder(place)) :].lstrip("/") for path in self.package(place)]
        shown = files[: limits.FORGE_FILES_SHOWN] if item_folder(place) != place else []
        sightings = tuple(self._dressed(one, shown, contents) for one in found.sightings)
        return replace(found, sightings=sightings), includes

    def _dressed(self, sighting: Sighting, files: Sequence[str], contents: Contents) -> Sighting:
        repo = self._hosted.repo
        facts: dict[str, Json] = {**sighting.item.facts, "forge": {**self._about(contents), "files": list(files)}}
        return replace(
            sighting,
            item=replace(sighting.item, facts=facts),
            signals={"stars": float(repo.stars), "forks": float(repo.forks)},
            status=Status.DEPRECATED if repo.archived else sighting.status,
        )

    def _about(self, contents: Contents) -> Mapping[str, Json]:
        hosted = self._hosted
        repo = hosted.repo
        about: dict[str, Json] = {
            "name": repo.name,
            "page": hosted.forge.page_of(repo.name),
            "owner": repo.owner,
            "stars": repo.stars,
            "forks": repo.forks,
            "updated": int(seconds_of(repo.changed)),
            "branch": hosted.ref or repo.branch,
            "description": clean(repo.description, limits.DESCRIPTION_CHARS),
            "license": clean(repo.license, limits.NAME_CHARS),
            "topics": list(repo.topics),
            "archived": repo.archived,
            "readme": self._preview(contents),
        }
        return {key: value for key, value in about.items() if value}

    def _preview(self, contents: Contents) -> str:
        data = contents.get(self.tree.files[self.readme].oid) if self.readme else None
        if not isinstance(data, bytes):
            return ""
        text = data[: 4 * limits.FORGE_README_CHARS].decode("utf-8", "replace")
        lines = [clean(line, limits.FORGE_README_CHARS) for line in text.lstrip("\ufeff").splitlines()]
        return "\n".join(lines)[: limits.FORGE_README_CHARS].strip()
