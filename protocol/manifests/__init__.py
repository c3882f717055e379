"""Manifests as they really are: every dialect of skill, scene, capability and index files becomes items in normal form.

`read_manifest` is the one door: bytes of one file in, a `ManifestReading` out. It never raises for bad content; what could
not be read is a `Problem` with line and reason. The name of a file says which reader is meant, its `kind` decides.
"""

from __future__ import annotations

from protocol.manifests.dispatch import read_manifest
from protocol.manifests.index import resolve_includes
from protocol.manifests.places import is_manifest
from protocol.manifests.reading import Listing, ManifestReading

__all__ = ["Listing", "ManifestReading", "is_manifest", "read_manifest", "resolve_includes"]
