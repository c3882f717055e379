"""From a tree to a `.skill` file: the same tree always makes the same bytes."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterable
from pathlib import Path

from protocol.digest import TreeFile

_WHEN = (1980, 1, 1, 0, 0, 0)  # the first moment a zip can name


def pack_tree(files: Iterable[tuple[TreeFile, Path]], target: Path) -> None:
    """Write the files of a tree, each with where its bytes are, as a zip. Raises OSError."""
    with zipfile.ZipFile(target, "x", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for file, path in sorted(files, key=lambda one: one[0].path.encode()):
            info = zipfile.ZipInfo(file.path, _WHEN)
            info.create_system = 3  # Unix, so that the mode counts
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (stat.S_IFREG | (0o755 if file.executable else 0o644)) << 16
            archive.writestr(info, path.read_bytes())
