"""From a plan to the change that commits it, without an installer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protocol.install.apply import Change
from protocol.install.consents import consents_of
from protocol.install.model import Generation, Installed, Origin
from protocol.install.planned import InstallPlan, Planned, Step


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was brought for one release: its tree, and where it came from."""

    digest: str
    size: int
    files: int
    origin: Origin
    state: str = ""


def change_of(
    plan: InstallPlan, fetched: Mapping[str, Fetched], installed: Generation, *, who: str, at: float, reason: str = ""
) -> Change:
    """The commit of a plan. `fetched` has every changed release; `who` agreed to it at wall time `at`."""
    before = {item.release: item for item in installed.items}
    rows = []
    for item in plan.items:
        old = before.get(item.release)
        if item.step in (Step.KEPT, Step.REROUTED, Step.REQUESTED) and old is not None:
            rows.append(_row(item, Fetched(old.digest, old.size, old.files, Origin("", "")), old.sources, at))
            continue
        got = fetched[item.release]
        rows.append(_row(item, got, (got.origin,), at))
    return Change(
        reason=reason or f"install {plan.target}", add=tuple(rows), consents=consents_of(plan, who, at), base=plan.base
    )


def _row(item: Planned, got: Fetched, sources: tuple[Origin, ...], at: float) -> Installed:
    return Installed(
        kind=item.kind,
        id=item.id,
        version=item.version,
        principal=item.principal,
        digest=got.digest,
        size=got.size,
        files=got.files,
        trust=item.trust.value,
        key=item.key,
        sources=sources,
        needs=item.needs,
        requested=item.requested,
        first_seen=item.first_seen or at,
        routes=item.routes,
    )
