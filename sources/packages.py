"""Which files of a look belong to which manifest, what marks them as unchanged, and their digest. Pure."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from protocol import limits
from protocol.digest import TreeFile, tree_digest
from protocol.errors import DataError
from protocol.items import Problem
from protocol.manifests.collection import item_folder
from sources.folders import FoundFile

_SIGNATURE_FORMAT = "2"
"""Raised when manifests are read differently, so that unchanged files are read again once."""


@dataclass(frozen=True, slots=True)
class Package:
    """One manifest and the files of its item: everything in the item's folder, or the manifest alone where one folder holds
    many items. `folder` is "" for the root and for a lone manifest. `whole`: every file of the folder could be seen."""

    manifest: FoundFile
    folder: str
    files: Sequence[FoundFile]
    whole: bool = True

    @property
    def place(self) -> str:
        return self.manifest.path

    @property
    def signature(self) -> str:
        """Changes when any file of the package does. Holds no time of ours."""
        marks = [f"{file.path}\0{file.stamp}\0{file.own:d}{file.executable:d}" for file in self.files]
        digest = hashlib.blake2b("\n".join(marks).encode("utf-8"), digest_size=12).hexdigest()
        return f"{_SIGNATURE_FORMAT}:{digest}" + ("" if self.whole else "-")

    @property
    def own(self) -> bool:
        """Whether no other user can write any file of it."""
        return all(file.own for file in self.files)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    def too_big(self) -> Problem | None:
        """Why this package gets no digest, if it is over a limit."""
        if len(self.files) > limits.ITEM_FILES:
            return _remark(self.place, DataError("folder.too_many_files", limit=limits.ITEM_FILES))
        if self.size > limits.ITEM_BYTES or any(file.size > limits.ITEM_FILE_BYTES for file in self.files):
            return _remark(self.place, DataError("folder.too_many_bytes", limit=limits.ITEM_BYTES))
        return None

    def digest(self, sha256: Mapping[str, str]) -> tuple[str, Problem | None]:
        """The tree digest from the hashes of the files by path; "" and a remark when there can be none."""
        if not self.whole:
            return "", _remark(self.place, DataError("folder.not_whole"))
        start = len(self.folder) + 1 if self.folder else 0
        if len(self.files) == 1 and not self.folder:
            start = self.place.rfind("/") + 1
        try:
            files = [
                TreeFile(file.path[start:], file.executable, file.size, sha256.get(file.path, ""))
                for file in self.files
            ]
            return tree_digest(files), None
        except DataError as error:
            return "", _remark(self.place, error)


def package_of(
    manifest: FoundFile, files: Sequence[FoundFile], paths: Sequence[str], gaps: Sequence[str] = ()
) -> Package:
    """The package of `manifest`; `files` are all files of the root and `paths` their paths, both sorted by path; `gaps` are
    the folders of which they are not the whole."""
    folder = item_folder(manifest.path)
    if folder == manifest.path:
        return Package(manifest, "", (manifest,))
    if not folder:
        return Package(manifest, "", files, whole=not gaps)
    whole = not any(gap in ("", folder) or gap.startswith(folder + "/") for gap in gaps)
    return Package(manifest, folder, files[bisect_left(paths, folder + "/") : bisect_left(paths, folder + "0")], whole)


def _remark(place: str, error: DataError) -> Problem:
    return Problem("folder.no_digest", place, 0, {"reason": error.text()}, fatal=False)
