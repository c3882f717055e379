"""From an installed release to its manifest: reads what the store holds, never what an index said."""

from __future__ import annotations

from pathlib import Path

from node.scene.views import Trees
from protocol import limits
from protocol.errors import DataError
from protocol.install.model import Installed
from protocol.items import Item
from protocol.manifests import is_manifest, read_manifest
from protocol.refs import Kind

_LOOKED_AT = 200


def read_item(trees: Trees, installed: Installed) -> Item:
    """The manifest of an installed release. Blocking. Raises DataError `scene.no_manifest`."""
    if installed.digest:
        try:
            listed = sorted((file.path for file in trees.list_files(installed.digest)), key=_depth)
        except OSError as error:
            raise DataError("scene.no_manifest", ref=str(installed.ref)) from error
        tree = trees.tree(installed.digest)
        paths = [path for path in listed if is_manifest(path)][:_LOOKED_AT]
        for path in paths:
            found = _read(tree, path, installed)
            if found is not None:
                return found
    raise DataError("scene.no_manifest", ref=str(installed.ref))


def _read(tree: Path, path: str, installed: Installed) -> Item | None:
    try:
        with open(tree / path, "rb") as file:
            data = file.read(limits.MANIFEST_BYTES + 1)
    except OSError:
        return None  # `ooder verify` names what is missing
    # An Agent Skill's name may come from its folder, which the store does not keep.
    shown = f"{installed.id}/{path}" if "/" not in path else path
    for item in read_manifest(shown, data).items:
        if item.kind is installed.kind and item.id == installed.id:
            return item
    return None


def _depth(path: str) -> tuple[int, str]:
    return path.count("/"), path


def find_capability(items: tuple[Installed, ...], capability: str) -> Installed | None:
    """The installed definition of a capability with bytes of its own, the first by release."""
    found = [one for one in items if one.kind is Kind.CAPABILITY and one.id == capability and one.digest]
    return min(found, key=lambda one: one.release, default=None)
