"""A CycloneDX 1.6 bill of materials of an installed set: a projection, equal bytes for equal sets."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

from protocol.install.model import Installed
from protocol.refs import Kind

_TYPES = {Kind.SCENE: "application", Kind.SKILL: "library", Kind.CAPABILITY: "data"}


def sbom(items: Sequence[Installed], at: float, program: str) -> dict[str, Any]:
    """The document as JSON values. `at` is in wall seconds; `program` is this program's version."""
    ordered = sorted(items, key=lambda one: one.release)
    known = {one.release for one in ordered}
    seed = "\n".join(f"{one.release} {one.digest}" for one in ordered)
    serial = UUID(bytes=hashlib.sha256(seed.encode()).digest()[:16], version=4)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds"),
            "tools": {
                "components": [{"type": "application", "name": "ooder-discovery-node", "version": program}],
            },
        },
        "components": [_component(one) for one in ordered],
        "dependencies": [
            {"ref": one.release, "dependsOn": sorted(name for name in set(one.needs) if name in known)}
            for one in ordered
        ],
    }


def _component(item: Installed) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": _TYPES.get(item.kind, "library"),
        "bom-ref": item.release,
        "group": item.principal,
        "name": item.id,
        "version": item.version,
        "purl": f"pkg:generic/{quote(item.id, safe='')}@{quote(item.version, safe='')}",
        "properties": [
            {"name": "ooder:kind", "value": item.kind.value},
            {"name": "ooder:principal", "value": item.principal},
            {"name": "ooder:trust", "value": item.trust},
        ],
    }
    if item.digest:
        # The tree digest is the SHA-256 of the list of files, so it is no hash of one file.
        found["properties"].append({"name": "ooder:tree", "value": item.digest})
    origins = [
        {"type": "distribution", "url": one.url, "comment": one.kind}
        | ({"hashes": [{"alg": "SHA-256", "content": one.sha256}]} if one.sha256 else {})
        for one in sorted(item.sources)
        if "://" in one.url
    ]
    return found | ({"externalReferences": origins} if origins else {})
