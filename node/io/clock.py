"""Time, for real: wall time for records and disk, loop time for waits."""

from __future__ import annotations

import asyncio
import time


class SystemClock:
    """The machine's clocks. Wall time never goes below `floor`, the newest time this node has already written down, so a
    clock that was set back cannot make an expired thing fresh again (SECURITY 2.4)."""

    def __init__(self, floor: float = 0.0) -> None:
        self._floor = floor

    def wall(self) -> float:
        return max(time.time(), self._floor)

    def raise_floor(self, floor: float) -> None:
        """Wall time will not be below `floor` any more."""
        self._floor = max(self._floor, floor)

    def loop(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
