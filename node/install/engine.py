"""Everything about installing, as one object that the command line and the API share.

engine = Engine(service)
plan = engine.plan("scene:daily-report", PlanOptions())
outcome = await engine.install(plan, plan.questions, print)
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from urllib.parse import unquote, urlsplit

from node import registry
from node.events import Change as Logged
from node.install.bundle import read_bundle, write_bundle
from node.install.fetch import Deliverer, DiskDeliverer, Fetcher, FetchesTrees, GitDeliverer, HostedDeliverer
from node.install.first_seen import note_first_seen
from node.install.http_deliverer import HttpDeliverer, copies_of, way_of
from node.install.importing import deliverers, plan_import
from node.install.installer import Agents, Installer, Outcome, Tell, Trial, activate
from node.install.mending import Mended, mend
from node.install.package import PackagePlan, open_file, open_package
from node.install.peer_deliverer import PeerDeliverer
from node.install.planning import PlanOptions, plan_install
from node.install.publishers import learn
from node.install.repository import open_repository
from node.install.revocations import note_revoked
from node.install.steps import StepEvent
from node.install.store import Collected, Committed, Store
from node.install.universe import IndexUniverse
from node.install.verify import Verification
from node.io.partials import Held, Partials
from node.keys import node_key
from node.places import BY_NAME
from node.service import Service
from protocol import limits
from protocol.errors import NotFoundError, OoderError, PolicyError, StorageError
from protocol.install.consents import SAME_BYTES
from protocol.install.model import Generation, Installed
from protocol.install.planned import InstallPlan, Planned, Question
from protocol.install.revoked import revoked_among
from protocol.install.target import FileTarget, RepositoryTarget, parse_target
from protocol.item_json import write_json
from protocol.refs import Kind, parse_ref


class Engine:
    """Plans and changes what is installed in one home. Blocking unless asynchronous."""

    def __init__(self, service: Service, agents: Agents | None = None) -> None:
        self.service = service
        self.store = Store(service.paths.home)
        self._partials = Partials(service.paths.partial)
        self._agents = agents

    @cached_property
    def deliverers(self) -> Mapping[str, Deliverer]:
        """Who brings which kind of location."""
        service = self.service
        files = HttpDeliverer(
            lambda one: service.ports.http(way_of(one, service.config.sources)),
            lambda one: copies_of(one, service.config.sources),
            self._hold,
        )
        return {
            "https": files,
            "http": files,
            "file": DiskDeliverer(),
            "git": self._git_deliverer(()),
            "peer+http": PeerDeliverer(
                service.ports.peers, self._fetch_networks(), service.config.settings.peer.download_rate, self._hold
            ),
        }

    def _hold(self, what: str) -> Held | None:
        """Where a download of `what` may go on later."""
        return self._partials.hold(what, self.service.now())

    def _fetch_networks(self) -> Sequence[str]:
        section = self.service.config.sources.get("dht_kademlia")
        return () if section is None else section.fetch_networks  # type: ignore[attr-defined]

    def _git_deliverer(self, named: Sequence[str]) -> Deliverer:
        """Brings from repositories; `named` are schemes allowed beside those of the settings."""
        return HostedDeliverer(GitDeliverer(lambda: self._git_source(named)), self._forge_source)

    def _git_source(self, named: Sequence[str]) -> FetchesTrees:
        spec = registry.load("git_repository")
        settings = self.service.config.sources.get("git_repository") or spec.config()
        allow = tuple(dict.fromkeys((*settings.allow, *named)))  # type: ignore[attr-defined]
        source: FetchesTrees = spec.make(settings.model_copy(update={"allow": allow}), self.service.ports)  # type: ignore[assignment]
        return source

    def _forge_source(self, name: str) -> FetchesTrees | None:
        """The forge source of that name, if it is one and switched on."""
        section = self.service.config.sources.get(name) if name in registry.FORGES else None
        if section is None:
            return None
        source: FetchesTrees = registry.load(name).make(section, self.service.ports)  # type: ignore[assignment]
        return source

    @cached_property
    def fetcher(self) -> Fetcher:
        """Brings bytes from any location with the right digest."""
        return self._fetcher({})

    def _fetcher(self, more: Mapping[str, Deliverer]) -> Fetcher:
        offline = self.service.config.settings.offline
        return Fetcher({**self.deliverers, **more}, self.store.has, offline=offline)

    def _fetcher_of(self, items: Iterable[Planned], more: Mapping[str, Deliverer] = MappingProxyType({})) -> Fetcher:
        """A repository that was named by hand was looked at under this leave; it is fetched under the same."""
        places = [place.url for item in items for place in item.locations]
        named = [scheme for scheme in BY_NAME if any(url.startswith(f"git+{scheme}:") for url in places)]
        return self._fetcher({"git": self._git_deliverer(named), **more} if named else more)

    # --- Plans -----------------------------------------------------------------------------------------------------
    def plan(
        self, target: str, options: PlanOptions, base: Path | None = None, lock: Sequence[Installed] | None = None
    ) -> InstallPlan:
        """What installing `target` would do: a ref, a folder, a package file, a place in a git repository, or the address of a
        package. With `options.frozen`, exactly what `lock` (default: the installed set) says. Raises what planning raises."""
        package = self._open(target, base or Path.cwd())
        if package is not None:
            return self._plan_package(package, options)
        ref = parse_ref(target)
        learned = (
            None if options.frozen else learn(self.service, [ref], self._fetch_networks(), options.owners.values())
        )
        try:
            return plan_install(self.service, ref, options, installed=self.store.current(), lock=lock)
        except OoderError as error:
            if learned is not None and learned.errors and not learned.found:
                raise learned.errors[-1] from error
            here = self.store.current().find(ref.kind, ref.id) if options.upgrade else ()
            raise (_unwatched(here[-1], error) if here else error) from None

    def _open(self, target: str, base: Path) -> PackagePlan | None:
        named = parse_target(target)
        if isinstance(named, RepositoryTarget):
            return open_repository(named, self.service)
        if isinstance(named, FileTarget):
            return open_file(named, self.deliverers.get(target.partition(":")[0]), self.service)
        return open_package(target, base, self.service)

    def export(self, target: str, path: Path) -> tuple[int, int]:
        """Write what is installed as `target` into a signed bundle; (items, bytes). Raises what `write_bundle` raises."""
        return write_bundle(self.store, parse_ref(target), node_key(self.service.paths), path, self.service.now())

    def plan_import(self, path: Path, keys: Collection[str]) -> tuple[InstallPlan, Mapping[str, Deliverer]]:
        """What importing a bundle would do, and who brings its bytes. Raises what `read_bundle` and `plan_import` raise."""
        bundle = read_bundle(path, self.service.now())
        return plan_import(bundle, self.service, self.store.current(), keys), deliverers(bundle)

    def _plan_package(self, package: PackagePlan, options: PlanOptions) -> InstallPlan:
        return package.plan(self.service, self.store.current(), options)

    def after_scan(self) -> None:
        """Start the clock of releases that were not there before, and take what was revoked out of service."""
        self.note_first_seen()
        lists = self.service.rules.policy.revoked
        for release in note_revoked(self.service.paths, IndexUniverse(self.service), self.store.current(), lists):
            self.log("skill.revoked", release)

    def note_first_seen(self) -> int:
        """After a scan: start the clock of releases that were not there before; how many."""
        current, now = self.store.current(), self.service.now()
        return note_first_seen(self.service.paths, IndexUniverse(self.service), current, now) if current.items else 0

    def outdated(self, options: PlanOptions) -> list[tuple[str, InstallPlan | OoderError]]:
        """For everything that was asked for: what an update would change, or why it cannot be told. Publishers of which the DHT has
        newer records are asked first."""
        found: list[tuple[str, InstallPlan | OoderError]] = []
        current = self.store.current()
        learn(
            self.service,
            [item.ref for item in current.items],
            self._fetch_networks(),
            {i.principal for i in current.items},
        )
        for item in current.items:
            if item.requested:
                ref = item.ref.any_version
                try:
                    plan = plan_install(self.service, ref, options, installed=current)
                except OoderError as error:
                    found.append((str(ref), _unwatched(item, error)))
                else:
                    if plan.changes:
                        found.append((str(ref), plan))
        return found

    # --- Changes ---------------------------------------------------------------------------------------------------
    async def install(
        self,
        plan: InstallPlan,
        agreed: Collection[Question],
        tell: Tell,
        more: Mapping[str, Deliverer] | None = None,
        trial: Trial | None = None,
    ) -> Outcome:
        """Carry out a plan; `more` are deliverers beside the usual ones, `trial` has the last word before the commit. See
        `Installer.install`."""
        fetcher = self._fetcher_of(plan.changes, more or {})
        installer = Installer(self.store, fetcher, self.service.now, self._agents)
        try:
            outcome = await installer.install(plan, agreed, self._logged(tell), trial)
        except OoderError as error:
            self.log("skill.install.failed", plan.target, code=error.code)
            raise
        for item in outcome.changed:
            around = item.step in SAME_BYTES
            self.log(
                "install.rerouted" if around else _EVENTS[item.kind.value],
                str(item.ref),
                generation=outcome.generation.number,
                step=item.step.value,
            )
        if self._agents is not None:
            return outcome
        from node.scene.members import Machine  # what connectors bring along is not paid for by plans
        from node.scene.readiness import pending_among

        machine = Machine(self.service.paths, self.store)
        changed = [item.release for item in outcome.changed]
        pending = await asyncio.to_thread(pending_among, machine, outcome.generation, changed)
        return replace(outcome, pending=pending)

    async def uninstall(self, refs: Collection[str], tell: Tell) -> tuple[Committed, dict[str, OoderError]]:
        """Give up what was asked for; what others need stays."""
        before = await asyncio.to_thread(self.store.current)
        committed = await asyncio.to_thread(self.store.uninstall, tuple(refs), self.service.now())
        left = {item.release for item in committed.generation.items}
        for item in before.items:
            if item.release not in left:
                self.log(_GONE[item.kind], str(item.ref), generation=committed.generation.number)
        return committed, await activate(self.store, self._agents, committed.generation, tell)

    async def rollback(self, to: int | None, tell: Tell) -> tuple[Committed, dict[str, OoderError]]:
        """Make an earlier generation the current one again, as a new generation."""
        number = self._before() if to is None else to
        self._refuse_revoked(self.store.generation(number), self.store.current())
        committed = await asyncio.to_thread(self.store.rollback, number, self.service.now(), activation=True)
        self.log("install.rolled_back", "", to=number, generation=committed.generation.number)
        return committed, await activate(self.store, self._agents, committed.generation, tell)

    def _before(self) -> int:
        current = self.store.current()
        numbers = [generation.number for generation in self.store.history() if generation.number < current.number]
        if not numbers and current.number and not current.parent:
            return 0  # before the first install there was nothing
        if not numbers:
            raise NotFoundError("install.nothing_before", number=current.number)
        return numbers[-1]

    def _refuse_revoked(self, back: Generation, current: Generation) -> None:
        """Raises PolicyError `install.revoked` when going back would bring in what was revoked since."""
        known = {item.release for item in current.items}
        found = revoked_among((item for item in back.items if item.release not in known), IndexUniverse(self.service))
        if found:
            causes = [item.release for item in found][: limits.PLAN_CAUSES]
            raise PolicyError("install.revoked", number=back.number, causes=causes)

    def verify(self) -> Verification:
        """Every byte against its digest."""
        return self.store.verify()

    async def repair(self) -> Mended:
        """Bring back the bytes that are not what was installed, then rebuild the views of other programs."""
        done = await mend(self.store, IndexUniverse(self.service), self._fetcher_of, self.service.now)
        for release in done.restored:
            self.log("install.repaired", release, generation=done.generation.number)
        await asyncio.to_thread(self.store.project)
        return done

    def collect(self) -> Collected:
        """Remove what no kept generation needs, and downloads that broke off too long ago."""
        with suppress(OSError):
            self._partials.sweep(self.service.now())
        return self.store.collect()

    # --- Log -------------------------------------------------------------------------------------------------------
    def log(self, kind: str, ref: str, **data: str | int) -> None:
        """One row of the event log. A disk that does not take it costs the row, never what it tells of."""
        notes = [Logged(kind, ref, write_json(data))]
        with suppress(StorageError):
            self.service.index.apply([], self.service.rules, self.service.now(), notes)

    def _logged(self, tell: Tell) -> Tell:
        def both(event: StepEvent) -> None:
            if event.state != "progressed":
                self.log(f"install.{event.step.value}.{event.state}", event.ref, done=event.done, total=event.total)
            tell(event)

        return both


def _unwatched(item: Installed, error: OoderError) -> OoderError:
    """What was installed by its place, which no source looks at, is not "known nowhere"."""
    url = item.sources[0].url if item.sources else ""
    if error.code != "plan.unknown_target" or not url:
        return error
    place = _COMMIT.sub("", url.removeprefix("git+"))
    if item.sources[0].kind == "local_fs":
        place = unquote(urlsplit(place).path)
    top = place.partition("#")[0]
    return NotFoundError("install.not_watched", ref=str(item.ref), place=place, top=top)


_COMMIT = re.compile(r"@[0-9a-f]{40}(?=#|$)")
_GONE = {
    Kind.SCENE: "scene.uninstalled",
    Kind.SKILL: "skill.uninstalled",
    Kind.CAPABILITY: "capability.unregistered",
}
_EVENTS = {"scene": "scene.installed", "skill": "skill.installed", "capability": "capability.registered"}
