"""The install pipeline: from an agreed plan to a committed generation with its scene agent running (guide 2.1 stage 4).

It guarantees: nothing is committed that was not fetched by digest, checked on the staged tree and agreed to; scene and
dependencies become visible together in one commit; any failure before it leaves the old state; a failure after it is reported
as "installed, not active", never undone behind the person's back. It leaves to others: choosing (plan), atomicity (store),
running (scene agents).
"""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from node.install.checks import Read, check_contracts, check_needs, check_tree, items_in
from node.install.fetch import Brought, Fetcher
from node.install.stage import Stage
from node.install.steps import Stage as Step
from node.install.steps import StepEvent
from node.install.store import Committed, Store
from protocol import limits
from protocol.digest import TreeFile
from protocol.errors import ConflictError, OoderError, PolicyError
from protocol.install.apply import Change, apply
from protocol.install.consents import RUN
from protocol.install.model import Consent, Generation, Installed, Origin
from protocol.install.paths import shown
from protocol.install.planned import Asked, InstallPlan, Planned, Question
from protocol.install.planned import Step as Difference
from protocol.items import Item
from protocol.refs import Kind

Tell = Callable[[StepEvent], None]


class Agents(Protocol):
    """What is asked of the scene agents of this home."""

    async def reconcile(self, generation: Generation, tell: Callable[[str, str], None]) -> dict[str, OoderError | None]:
        """Bring the agents to `generation`; per scene ref, why it is not active (None = it is)."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What would be committed: the next generation, and where its trees are, staged or in the store. Valid during the trial."""

    generation: Generation
    stage: Stage
    store: Store

    def tree(self, digest: str) -> Path:
        """The files of a tree."""
        return self.stage.path(digest) if digest in self.stage.trees else self.store.tree(digest)

    def list_files(self, digest: str) -> tuple[TreeFile, ...]:
        """What a tree consists of."""
        done = self.stage.trees.get(digest)
        return done.files if done else self.store.list_files(digest)


Trial = Callable[[Proposal], Awaitable[None]]
"""Has the last word before a commit: what it raises is why nothing is committed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an install did. `inactive`: scene ref -> why its agent is not active. `problem`: what is completed later.
    `pending`: where no node runs, ref -> why it will not answer as it is."""

    generation: Generation
    changed: tuple[Planned, ...]
    inactive: dict[str, OoderError]
    problem: OoderError | None = None
    pending: Mapping[str, OoderError] = field(default_factory=dict)


class Installer:
    """Carries out plans, one at a time per home (the store's lock)."""

    def __init__(self, store: Store, fetcher: Fetcher, now: Callable[[], float], agents: Agents | None = None) -> None:
        self._store = store
        self._fetcher = fetcher
        self._now = now
        self._agents = agents

    async def install(
        self, plan: InstallPlan, agreed: Collection[Question], tell: Tell, trial: Trial | None = None
    ) -> Outcome:
        """Carry out `plan`. `agreed` are the questions the person said yes to.

        Raises PolicyError `install.not_agreed`; what fetching, checking, `trial` and committing raise. The old state then holds.
        """
        open_questions = [question for question in plan.questions if question not in agreed]
        if open_questions:
            raise not_agreed(open_questions)
        step = Step.DOWNLOAD
        # Trees that a killed install left behind are taken away first, so that none of them is counted on.
        await asyncio.to_thread(self._store.recover)
        try:
            with self._store.stage(plan.size) as stage:
                brought = await self._download(plan, stage, tell)
                step = Step.VERIFY
                await self._verify(plan, stage, brought, tell)
                step = Step.DEPENDENCIES
                change = self._change(plan, brought)
                if trial is not None:
                    await trial(Proposal(apply(self._store.current(), change, self._now()), stage, self._store))
                committed = await self._commit(plan, stage, change, tell)
        except (OoderError, asyncio.CancelledError) as error:
            note = error.code if isinstance(error, OoderError) else "interrupted"
            tell(StepEvent(step, "failed", plan.target, note=note))
            raise
        inactive = await self._activate(committed, tell)
        tell(StepEvent(Step.CACHE, "completed", plan.target, 1, 1))
        return Outcome(committed.generation, plan.changes, inactive, committed.problem)

    async def _download(self, plan: InstallPlan, stage: Stage, tell: Tell) -> dict[str, Brought]:
        wanted = await asyncio.to_thread(
            lambda: [item for item in plan.changes if not (item.digest and self._store.is_whole(item.digest))]
        )
        found: dict[str, Brought] = {}
        size, clock = 0, asyncio.get_running_loop().time
        begun = clock()
        tell(StepEvent(Step.DOWNLOAD, "started", plan.target, 0, len(wanted)))
        for item in wanted:
            brought = found[item.release] = await self._fetcher.fetch(item, stage)
            size += brought.size
            note = brought.origin.kind + (f", {len(brought.tried)} locations failed" if brought.tried else "")
            note += f", left out: {_some(brought.ignored)}" if brought.ignored else ""
            took = clock() - begun
            tell(StepEvent(Step.DOWNLOAD, "progressed", str(item.ref), len(found), len(wanted), size, note, took))
        tell(StepEvent(Step.DOWNLOAD, "completed", plan.target, len(found), len(wanted), size, seconds=clock() - begun))
        return found

    async def _verify(self, plan: InstallPlan, stage: Stage, brought: dict[str, Brought], tell: Tell) -> None:
        """Read what will be installed from the bytes that will be installed, and hold it to the plan and its contracts."""
        tell(StepEvent(Step.VERIFY, "started", plan.target, 0, len(plan.changes)))
        read: dict[str, Read] = {}
        done = 0
        for item in plan.items:
            root = self._root(brought[item.release].digest if item.release in brought else item.digest, stage)
            read[item.release] = await asyncio.to_thread(check_tree, root, item)
            if item.step is not Difference.KEPT:
                done += 1
                tell(StepEvent(Step.VERIFY, "progressed", str(item.ref), done, len(plan.changes)))
        check_needs(read)
        await asyncio.to_thread(check_contracts, read, plan, self._replaced(plan))
        tell(StepEvent(Step.VERIFY, "completed", plan.target, done, len(plan.changes)))

    def _root(self, digest: str, stage: Stage) -> Path:
        return stage.path(digest) if digest in stage.trees else self._store.tree(digest)

    def _replaced(self, plan: InstallPlan) -> dict[str, Item]:
        """The capabilities that the plan replaces, as they are installed."""
        was = {item.was for item in plan.changes if item.kind is Kind.CAPABILITY and item.was}
        return {
            item.release: found
            for item in self._store.current().items
            if item.release in was and item.digest
            for found in items_in(self._store.tree(item.digest), item.id)
            if (found.kind, found.id) == (item.kind, item.id)
        }

    def _change(self, plan: InstallPlan, brought: dict[str, Brought]) -> Change:
        now = self._now()
        rows = tuple(installed_of(item, brought.get(item.release), self._store, now) for item in plan.items)
        return Change(f"install {plan.target}", rows, consents=_consents(plan, rows, now), base=plan.base)

    async def _commit(self, plan: InstallPlan, stage: Stage, change: Change, tell: Tell) -> Committed:
        count = len(change.add)
        tell(StepEvent(Step.DEPENDENCIES, "started", plan.target, 0, count))
        committed = await asyncio.to_thread(
            lambda: self._store.commit(change, self._now(), stage, activation=self._agents is not None)
        )
        tell(StepEvent(Step.DEPENDENCIES, "completed", plan.target, count, count))
        return committed

    async def _activate(self, committed: Committed, tell: Tell) -> dict[str, OoderError]:
        return await activate(self._store, self._agents, committed.generation, tell)


def _some(names: Sequence[str]) -> str:
    """The first few, and how many more."""
    more = len(names) - limits.NAMES_TOLD
    return ", ".join(map(shown, names[: limits.NAMES_TOLD])) + (f" (+{more})" if more > 0 else "")


async def activate(store: Store, agents: Agents | None, generation: Generation, tell: Tell) -> dict[str, OoderError]:
    """Bring the scene agents to a committed generation; what does not become active is told, not undone."""
    scenes = [str(scene.ref.any_version) for scene in generation.scenes]
    tell(StepEvent(Step.INITIALISE, "started", "", 0, len(scenes)))
    if agents is None:
        tell(StepEvent(Step.INITIALISE, "completed", "", len(scenes), len(scenes)))
        tell(StepEvent(Step.ACTIVATE, "deferred" if scenes else "completed"))
        return {}
    outcome = await agents.reconcile(
        generation, lambda ref, state: tell(StepEvent(Step.INITIALISE, "progressed", ref, note=state))
    )
    tell(StepEvent(Step.INITIALISE, "completed", "", len(scenes), len(scenes)))
    inactive = {ref: error for ref, error in outcome.items() if error is not None}
    if not scenes:
        tell(StepEvent(Step.ACTIVATE, "completed"))
    for ref in scenes:
        error = inactive.get(ref)
        tell(
            StepEvent(Step.ACTIVATE, "completed" if error is None else "failed", ref, note=error.code if error else "")
        )
    await asyncio.to_thread(store.settle, generation.number)
    return inactive


def installed_of(item: Planned, brought: Brought | None, store: Store, now: float) -> Installed:
    """The row of an item in the next generation."""
    before = next((one for one in store.current().items if one.release == item.release), None)
    return Installed(
        item.kind,
        item.id,
        item.version,
        item.principal,
        brought.digest if brought else item.digest,
        brought.size if brought else item.size,
        brought.files if brought else item.files,
        item.least_trust.value if item.kind.value == "scene" else item.trust.value,
        item.key,
        (brought.origin,) if brought else before.sources if before else _origins(item),
        item.needs,
        item.requested,
        item.first_seen or now,
        item.routes,
    )


def _origins(item: Planned) -> tuple[Origin, ...]:
    """Where bytes that the store had already could be fetched again."""
    return tuple(Origin(place.source, place.url, place.commit) for place in item.locations[:1])


def not_agreed(questions: Collection[Question]) -> OoderError:
    """What is missing, in words."""
    digests = [question for question in questions if question.asked is Asked.EXPLICIT_DIGEST]
    if digests:
        first = digests[0]
        return PolicyError("install.needs_digest", ref=first.release, digest=first.digest)
    causes = [f"{question.asked.value}: {question.release}" for question in questions]
    return PolicyError("install.not_agreed", count=len(questions), causes=causes)


def _consents(plan: InstallPlan, rows: Collection[Installed], now: float) -> tuple[Consent, ...]:
    digests = {row.release: row.digest for row in rows}
    asked: dict[str, list[str]] = {}
    for question in plan.questions:
        asked.setdefault(question.release, []).append(question.asked.value)
    return tuple(
        Consent(
            now,
            getpass.getuser(),
            item.release,
            digests[item.release],
            (*item.may.permissions, *(RUN + command for command in item.may.commands)),
            ", ".join(asked.get(item.release, ())),
        )
        for item in plan.changes
        if item.release in asked or item.may.permissions or item.may.commands
    )


def refuse_stale(plan: InstallPlan, store: Store) -> None:
    """A plan holds only for the generation it was made on. Raises ConflictError `install.base_moved`."""
    current = store.current().number
    if plan.base != current:
        raise ConflictError("install.base_moved", planned=plan.base, current=current)
