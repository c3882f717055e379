"""Checks on the staged tree: is it what the plan said, and does it keep its contract. Nothing from the package is run.

Everything is read from the bytes that will be installed, never from the network again (SECURITY T19).
"""

from __future__ import annotations

from pathlib import Path

from protocol import limits
from protocol.errors import DataError, IntegrityError
from protocol.install.planned import InstallPlan, Planned
from protocol.items import Item
from protocol.manifests import read_manifest
from protocol.manifests.places import is_manifest


def check_tree(root: Path, item: Planned, plan: InstallPlan) -> list[str]:
    """Hold a staged tree to its plan; remarks that do not forbid anything are returned.

    Raises IntegrityError `install.other_item`, DataError `install.no_manifest` and what the contract check raises.
    """
    found = items_in(root, folder=item.id)
    same = [one for one in found if (one.kind, one.id) == (item.kind, item.id)]
    if not found:
        raise DataError("install.no_manifest", ref=str(item.ref))
    if not any(one.version == item.version for one in same):
        said = ", ".join(sorted(str(one.ref) for one in found)) or "-"
        raise IntegrityError("install.other_item", ref=str(item.ref), found=said)
    return []


def items_in(root: Path, folder: str) -> list[Item]:
    """The items that the manifests at the top of a tree describe. `folder` stands for the tree's own name."""
    found: list[Item] = []
    for path in sorted(root.iterdir()):
        if path.is_file() and is_manifest(f"{folder}/{path.name}"):
            with path.open("rb") as stream:
                data = stream.read(limits.MANIFEST_BYTES + 1)
            found += read_manifest(f"{folder}/{path.name}", data).items
    return found
