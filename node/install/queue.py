"""Installs that wait for a source: `OODER_HOME/queue.json`, whole at any moment, tried again after every scan (FLOWS 4.5).

What it guarantees: an install that waits survives restarts and completes by itself, but only as what was agreed to: the questions
that were answered are kept with it, and when the plan of then asks anything else, it waits for the person again.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from node.install.engine import Engine
from node.install.installer import Outcome, Tell
from node.install.planning import PlanOptions
from node.io.atomic import write_file
from node.paths import Paths
from protocol import limits
from protocol.errors import ConflictError, NotFoundError, OoderError, StorageError, UnavailableError
from protocol.install.plan_json import plan_digest
from protocol.install.planned import InstallPlan, Question

FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Waiting:
    """One install that waits. `agreed` are the questions that were answered, `plan` the digest of the plan they were asked by;
    `code` and `reason` tell why it still waits; `at` is in wall seconds."""

    target: str
    at: float
    providers: Mapping[str, str]
    owners: Mapping[str, str]
    digests: tuple[str, ...]
    optional: bool
    pre_releases: bool
    plan: str = ""
    agreed: tuple[tuple[str, str, tuple[str, ...], str], ...] = ()
    tries: int = 0
    code: str = ""
    reason: str = ""

    @property
    def options(self) -> PlanOptions:
        return PlanOptions(self.providers, self.owners, frozenset(self.digests), self.optional, self.pre_releases)


class Queue:
    """The waiting installs of one home."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths

    def entries(self) -> tuple[Waiting, ...]:
        """Oldest first. Raises StorageError `queue.damaged`."""
        path = self._paths.queue
        try:
            body = json.loads(path.read_bytes())
            if body["format"] != FORMAT:
                raise ValueError(f"format {body['format']!r}")
            return tuple(_read(row) for row in body["waiting"][: limits.QUEUE_ENTRIES])
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise StorageError("queue.damaged", path=str(path), reason=error.strerror or "") from error
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise StorageError(
                "queue.damaged", path=str(path), reason=f"{type(error).__name__}: {error}"[:200]
            ) from None

    def put(self, entry: Waiting) -> None:
        """Add an entry; one for the same target is replaced. Raises ConflictError `queue.full`."""
        with self._held() as rows:
            rows[:] = [one for one in rows if one.target != entry.target]
            if len(rows) >= limits.QUEUE_ENTRIES:
                raise ConflictError("queue.full", limit=limits.QUEUE_ENTRIES)
            rows.append(entry)

    def note(self, entry: Waiting) -> None:
        """Update an entry, unless it was dropped meanwhile."""
        with self._held() as rows:
            rows[:] = [entry if one.target == entry.target else one for one in rows]

    def drop(self, target: str) -> None:
        """Forget an entry. Raises NotFoundError `queue.not_waiting`."""
        with self._held() as rows:
            if target not in {one.target for one in rows}:
                raise NotFoundError("queue.not_waiting", ref=target)
            rows[:] = [one for one in rows if one.target != target]

    @contextmanager
    def _held(self) -> Iterator[list[Waiting]]:
        """The entries to change; they are written when the block ends well. One process at a time."""
        self._paths.ensure()
        path = self._paths.queue
        try:
            lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                before = self.entries()
                rows = list(before)
                yield rows
                if tuple(rows) != before:
                    body = {"format": FORMAT, "waiting": [asdict(one) for one in rows]}
                    write_file(path, (json.dumps(body, ensure_ascii=False, indent=1) + "\n").encode())
            finally:
                os.close(lock)
        except OSError as error:
            raise StorageError("home.unwritable", path=str(path), reason=error.strerror or "") from error


def waiting_for(target: str, options: PlanOptions, error: OoderError, now: float) -> Waiting:
    """An entry for a target whose plan or bytes cannot be had now."""
    return Waiting(
        target,
        now,
        dict(options.providers),
        dict(options.owners),
        tuple(sorted(options.digests)),
        options.optional,
        options.pre_releases,
        code=error.code,
        reason=error.text(),
    )


def with_consent(entry: Waiting, plan: InstallPlan) -> Waiting:
    """The entry, after everything that `plan` asks was agreed to."""
    return replace(entry, plan=plan_digest(plan), agreed=tuple(_key(one) for one in plan.questions))


def enqueue(engine: Engine, entry: Waiting, plan: InstallPlan | None) -> Waiting:
    """Let an install wait, with what was agreed to when its plan could be made. Raises ConflictError `queue.full`."""
    entry = entry if plan is None else with_consent(entry, plan)
    Queue(engine.service.paths).put(entry)
    engine.log("skill.install.queued", entry.target, code=entry.code)
    return entry


async def retry(
    engine: Engine, queue: Queue, tell: Tell, done: Callable[[Waiting, Outcome], None] = lambda entry, outcome: None
) -> int:
    """Try everything that waits once; returns how many installs completed. What fails goes on waiting, with the reason."""
    completed = 0
    for entry in queue.entries():
        try:
            plan = await asyncio.to_thread(engine.plan, entry.target, entry.options)
            widened = [one for one in plan.questions if _key(one) not in entry.agreed]
            if widened:
                raise ConflictError(
                    "queue.asks_again", ref=entry.target, causes=[f"{one.asked}: {one.release}" for one in widened]
                )
            outcome = await engine.install(plan, plan.questions, tell)
        except OoderError as error:
            queue.note(replace(entry, tries=entry.tries + 1, code=error.code, reason=error.text()))
            continue
        queue.drop(entry.target)
        engine.log("skill.install.completed", entry.target, generation=outcome.generation.number)
        done(entry, outcome)
        completed += 1
    return completed


def is_waiting_matter(error: OoderError) -> bool:
    """Whether time and a network may mend it."""
    return isinstance(error, UnavailableError) or error.code == "plan.unknown_target"


def _key(question: Question) -> tuple[str, str, tuple[str, ...], str]:
    return question.asked.value, question.release, question.values, question.digest


def _read(row: Mapping[str, Any]) -> Waiting:
    agreed = tuple((str(a), str(b), tuple(map(str, c)), str(d)) for a, b, c, d in row["agreed"])
    return Waiting(
        str(row["target"]),
        float(row["at"]),
        {str(key): str(value) for key, value in row["providers"].items()},
        {str(key): str(value) for key, value in row["owners"].items()},
        tuple(map(str, row["digests"])),
        bool(row["optional"]),
        bool(row["pre_releases"]),
        str(row["plan"]),
        agreed,
        int(row["tries"]),
        str(row["code"]),
        str(row["reason"]),
    )


def describe(entry: Waiting) -> dict[str, object]:
    """An entry as JSON for people and programs."""
    return {
        "target": entry.target,
        "at": entry.at,
        "tries": entry.tries,
        "code": entry.code,
        "reason": entry.reason,
        "plan": entry.plan,
        "agreed": len(entry.agreed),
    }
