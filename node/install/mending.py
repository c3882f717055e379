"""Mending: trees that are not any more what was installed are fetched again, by their digest, and put back in one commit.

It guarantees: what is put back has the digest that was installed, from any place where it can be had; what cannot be had costs only
itself; which releases are installed does not change. It leaves to others: finding the drift (`node.install.verify`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from node.install.fetch import Fetcher
from node.install.store import Store
from protocol.errors import OoderError
from protocol.install.apply import Change
from protocol.install.locked import locked_plan
from protocol.install.model import Generation, Installed
from protocol.install.planned import Planned
from protocol.install.universe import Universe


@dataclass(frozen=True, slots=True)
class Mended:
    """`restored` are releases whose bytes are right again, `failed` those that could not be had, with the reason."""

    generation: Generation
    restored: tuple[str, ...] = ()
    failed: tuple[tuple[str, OoderError], ...] = ()


async def mend(
    store: Store, universe: Universe, fetcher: Callable[[Iterable[Planned]], Fetcher], now: Callable[[], float]
) -> Mended:
    """Put back every tree of the current generation that drifted; `fetcher` is made for what is fetched. Raises StorageError `store.*`."""
    current = await asyncio.to_thread(store.current)
    drifted = {tree.digest for tree in (await asyncio.to_thread(store.verify)).drifted}
    broken = [item for item in current.items if item.digest in drifted]
    if not broken:
        return Mended(current)
    planned = {item.release: _planned(item, current, universe, now()) for item in broken}
    fetching = fetcher(planned.values())
    failed: list[tuple[str, OoderError]] = []
    with store.stage(sum(item.size for item in broken)) as stage:
        for item in broken:
            try:
                if item.digest not in stage.trees:
                    await fetching.fetch(planned[item.release], stage)
            except OoderError as error:
                failed.append((item.release, error))
        back = tuple(item for item in broken if item.digest in stage.trees)
        if back:
            change = Change("repair", back, base=current.number)
            current = (await asyncio.to_thread(store.commit, change, now(), stage)).generation
    return Mended(current, tuple(item.release for item in back), tuple(failed))


def _planned(item: Installed, current: Generation, universe: Universe, now: float) -> Planned:
    rows = locked_plan(item.ref, current.items, universe, current, now).items
    return next(row for row in rows if row.release == item.release)
