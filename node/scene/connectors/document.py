"""The `document` connector: the skill is text; its answer is the text and the list of files. Nothing is run."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from node.scene.connectors.base import Ask
from protocol import limits
from protocol.digest import TreeFile
from protocol.errors import DataError, OoderError
from protocol.items import Json


class DocumentRunner:
    """Answers every call with the instructions in `SKILL.md` and the files beside it."""

    how = "document"
    well = True
    load = 0

    def __init__(self, skill: str, tree: Path, files: Sequence[TreeFile]) -> None:
        self._skill, self._tree = skill, tree
        self._files = tuple(files)
        self.key: object = (skill, tree)
        self.fault: OoderError | None = None

    async def start(self, tasks: asyncio.TaskGroup) -> None:
        """Nothing to start."""

    async def stop(self) -> None:
        """Nothing to stop."""

    async def call(self, ask: Ask) -> Json:
        """`{"form": "document", "skill", "instructions", "truncated", "request", "files": [{"path", "size"}]}`."""
        return await asyncio.to_thread(self._read, ask)

    def describe(self) -> dict[str, object]:
        return {"connector": self.how, "state": "well"}

    def _read(self, ask: Ask) -> Json:
        main = next((file for file in self._files if file.path in ("SKILL.md", "skill.md")), None)
        if main is None:
            raise DataError("scene.no_manifest", ref=self._skill)
        with open(self._tree / main.path, "rb") as file:
            data = file.read(limits.DOCUMENT_BYTES + 1)
        files: list[Json] = [{"path": file.path, "size": file.size} for file in self._files[: limits.ITEM_FILES]]
        return {
            "form": "document",
            "skill": self._skill,
            "instructions": data[: limits.DOCUMENT_BYTES].decode("utf-8", "replace"),
            "truncated": len(data) > limits.DOCUMENT_BYTES,
            "request": ask.body,
            "files": files,
        }
