"""The service side of a plan: reads the index, the installed set, the user's trust and the scope, and makes the plan.

>>> plan = plan_install(service, "scene:daily-report", PlanOptions())                           # doctest: +SKIP
>>> [str(item.ref) for item in plan.changes]                                                    # doctest: +SKIP
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from node.install.first_seen import dated
from node.install.store import Store
from node.install.universe import IndexUniverse, known_names
from node.scopes import sources_of
from node.service import Service
from protocol import limits
from protocol.install.locked import locked_plan
from protocol.install.model import Generation, Installed
from protocol.install.plan import PlanPolicy, make_plan
from protocol.install.planned import InstallPlan
from protocol.install.questions import Choices, ResolveRules
from protocol.query import PRESETS, Scope, Trust
from protocol.refs import Kind, Ref, parse_ref


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What the caller wants of a plan. `providers`: capability -> skill id; `owners`: ref -> principal; `digests`: tree
    digests that are agreed to. `upgrade` takes newer releases of what is installed; `frozen` takes the lock and nothing else."""

    providers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    owners: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    digests: frozenset[str] = frozenset()
    optional: bool = True
    pre_releases: bool = False
    upgrade: bool = False
    frozen: bool = False
    scope: Scope | None = None
    free_trust: Trust = Trust.OFFICIAL
    seconds: float = limits.RESOLVE_SECONDS

    @property
    def choices(self) -> Choices:
        return Choices(self.providers, self.owners, self.digests)


def plan_install(
    service: Service,
    target: str | Ref,
    options: PlanOptions | None = None,
    *,
    installed: Generation | None = None,
    lock: Sequence[Installed] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> InstallPlan:
    """What installing `target` (`scene:ID` or `skill:ID`, optionally `@VERSION`) would do now. Blocking; changes nothing.

    With `options.frozen`, `lock` (default: what is installed) is followed and nothing is resolved.
    Raises what `protocol.install.plan.make_plan` or `protocol.install.locked.locked_plan` raises, DataError `ref.malformed`,
    StorageError.
    """
    options = options or PlanOptions()
    ref = parse_ref(target) if isinstance(target, str) else target
    before = installed if installed is not None else Store(service.paths.home).current()
    if options.frozen:
        locked = before.items if lock is None else lock
        return locked_plan(ref, locked, IndexUniverse(service), before, service.now(), options.free_trust)
    now = service.now()
    universe = dated(service.paths, IndexUniverse(service), before, now)
    return make_plan(ref, universe, before, plan_policy(service, options), options.choices, now, clock)


def plan_policy(service: Service, options: PlanOptions) -> PlanPolicy:
    """The user's settings and the scope as the rules of a plan."""
    scope = options.scope or service.config.settings.scope
    rules = ResolveRules(
        trust=service.rules.policy,
        strategy=PRESETS[scope].strategy,
        optional=options.optional,
        pre_releases=options.pre_releases,
        upgrade=options.upgrade,
        seconds=options.seconds,
    )
    known = known_names(service, Kind.SKILL) | known_names(service, Kind.SCENE)
    return PlanPolicy(rules, options.free_trust, tuple(sources_of(service.config, scope)), known)
