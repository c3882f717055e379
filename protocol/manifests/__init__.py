"""Manifests as they really are: every dialect of skill, scene, capability and index files becomes items in normal form.

`read_manifest` is the one door: bytes of one file in, a `ManifestReading` out. It never raises for bad content; what could
not be read is a `Problem` with line and reason.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocol.items import Item, Problem


@dataclass(frozen=True, slots=True)
class Listing:
    """One row of an index file: the index claims that `item` exists at `path` (relative to the index's folder, "" = not said)."""

    item: Item
    path: str = ""
    download_url: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class ManifestReading:
    """What one file says. `includes` are the patterns an index pulls in, as written."""

    items: tuple[Item, ...] = ()
    listings: tuple[Listing, ...] = ()
    includes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    dialect: str = ""


def is_manifest(path: str) -> bool:
    """Whether a file of this (posix, relative) path is worth reading as a manifest."""
    raise AssertionError


def read_manifest(path: str, data: bytes) -> ManifestReading:
    """Read one file. `path` is posix and relative to its origin; its name and folder decide the dialect and the fallback id."""
    raise AssertionError
