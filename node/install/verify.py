"""Verifying: every byte of every installed tree against its digest, and the projection against the generation."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from node.install.commit import drift
from node.install.files import Folder
from node.install.projection import differing
from node.install.trees import Drift
from protocol.install.model import Generation


@dataclass(frozen=True, slots=True)
class TreeDrift:
    """A tree that is not what its digest says, the releases that stand on it, and each difference."""

    digest: str
    releases: tuple[str, ...]
    drifts: tuple[Drift, ...]


@dataclass(frozen=True, slots=True)
class Verification:
    """What was looked at and what differs. `projection` are paths below the home; `ooder verify --repair` rebuilds them."""

    number: int = 0
    trees: int = 0
    files: int = 0
    bytes: int = 0
    drifted: tuple[TreeDrift, ...] = ()
    projection: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether everything is as it should be."""
        return not self.drifted and not self.projection

    def body(self) -> dict[str, object]:
        """As JSON."""
        return {
            "ok": self.ok,
            "generation": self.number,
            "trees": self.trees,
            "files": self.files,
            "bytes": self.bytes,
            "drifted": [
                {
                    "digest": tree.digest,
                    "releases": list(tree.releases),
                    "files": [f"{one.what}: {one.path}" for one in tree.drifts],
                }
                for tree in self.drifted
            ],
            "projection": list(self.projection),
        }


def verify_generation(home: Folder, trees: Folder, generation: Generation, *, projection: bool) -> Verification:
    """Compare everything `generation` stands on with its digests."""
    digests = sorted(generation.digests)
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        found = list(pool.map(lambda digest: drift(trees, digest), digests, chunksize=16))
    drifted = tuple(
        TreeDrift(digest, tuple(item.release for item in generation.items if item.digest == digest), drifts)
        for digest, drifts in zip(digests, found, strict=True)
        if drifts
    )
    unique = {item.digest: item for item in generation.items if item.digest}
    return Verification(
        number=generation.number,
        trees=len(digests),
        files=sum(item.files for item in unique.values()),
        bytes=sum(item.size for item in unique.values()),
        drifted=drifted,
        projection=tuple(differing(home, generation, trees)) if projection else (),
    )
