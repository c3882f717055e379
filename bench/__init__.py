"""What `make bench` runs: each module of this package has `run() -> list[Row]`, measured beside a named yardstick."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """One measured figure. `yardstick` is the same work done by something plain and known, in the same run."""

    what: str
    value: float
    unit: str
    aim: str = ""
    yardstick: float | None = None
    yardstick_name: str = ""

    def __str__(self) -> str:
        beside = f"   {self.yardstick_name}: {self.yardstick:,.4g} {self.unit}" if self.yardstick is not None else ""
        aim = f"   aim {self.aim}" if self.aim else ""
        return f"{self.what:<58} {self.value:>12,.4g} {self.unit}{aim}{beside}"
