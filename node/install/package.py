"""Installing straight from a folder or a package file, without a scan: a universe of one item on top of the index."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from node.install.checks import items_in
from node.install.fetch import ARCHIVES
from node.install.planning import PlanOptions, plan_policy
from node.install.stage import Stage
from node.install.store import Store
from node.install.universe import IndexUniverse
from node.io.files import SKIPPED_FILES, SKIPPED_FOLDERS
from node.service import Service
from protocol.errors import DataError, NotFoundError
from protocol.install.model import Generation
from protocol.install.plan import make_plan
from protocol.install.planned import InstallPlan
from protocol.install.universe import Candidate, Location, Universe
from protocol.items import Channel, Evidence, Item, Sighting
from protocol.refs import Kind
from protocol.trust import admit


@dataclass(frozen=True, slots=True)
class PackagePlan:
    """An opened package: its item, and what is known of its bytes."""

    candidate: Candidate

    def plan(self, service: Service, installed: Generation, options: PlanOptions) -> InstallPlan:
        """What installing it would do; its dependencies come from the index."""
        universe = Overlay(IndexUniverse(service), self.candidate)
        ref = replace(self.candidate.ref, version=self.candidate.item.version)
        owners = {**options.owners, str(ref.any_version): self.candidate.principal}
        policy = plan_policy(service, replace(options, owners=owners))
        choices = replace(options.choices, owners=owners)
        return make_plan(ref, universe, installed, policy, choices, service.now(), time.monotonic)


@dataclass(frozen=True, slots=True)
class Overlay:
    """A universe with one candidate in front of another universe."""

    below: Universe
    own: Candidate

    def releases(self, kind: Kind, item_id: str) -> Sequence[Candidate]:
        found = self.below.releases(kind, item_id)
        if (kind, item_id) != self.own.name:
            return found
        return (self.own, *(one for one in found if one.release != self.own.release))

    def providers(self, capability: str) -> Sequence[str]:
        found = self.below.providers(capability)
        offered = self.own.item.kind is Kind.SKILL and self.own.offers(capability) is not None
        return [*({self.own.item.id} if offered else set()), *(one for one in found if one != self.own.item.id)]


def open_package(target: str, base: Path, service: Service) -> PackagePlan | None:
    """The package at a path, None when `target` is a ref. Raises NotFoundError, DataError `install.no_manifest`, `unpack.*`."""
    path = (base / Path(target).expanduser()).absolute()
    if not (path.is_dir() or target.lower().endswith(ARCHIVES) or os.sep in target):
        return None
    if not path.exists():
        raise NotFoundError("install.no_package", path=str(path))
    with tempfile.TemporaryDirectory(prefix="ooder-") as scratch, Store(Path(scratch)).stage() as stage:
        return PackagePlan(_candidate(path, stage, service))


def _candidate(path: Path, stage: Stage, service: Service) -> Candidate:
    if path.is_dir():
        done = stage.folder(path, skip=SKIPPED_FOLDERS | SKIPPED_FILES)
    else:
        with path.open("rb") as stream:
            done = stage.archive(stream, path.name)
    item = _main_item(items_in(stage.path(done.digest), path.name if path.is_dir() else ""), path)
    evidence = Evidence(Channel.OWN_FILES if path.stat().st_uid in (os.getuid(), 0) else Channel.FOREIGN_FILES)
    url, principal = path.as_uri(), f"local:{os.getuid()}"
    said = Sighting(item, "local_fs", url, "", url, principal, evidence, service.now(), digest=done.digest)
    verified = admit(said, service.rules.policy, service.now())
    return Candidate(
        item,
        principal,
        verified.trust,
        done.digest,
        verified.reasons,
        done.size,
        len(done.files),
        locations=(Location("local_fs", url, principal),),
    )


def _main_item(items: list[Item], path: Path) -> Item:
    order = {Kind.SCENE: 0, Kind.SKILL: 1}
    usable = sorted((item for item in items if item.kind in order), key=lambda item: order[item.kind])
    if not usable:
        raise DataError("install.no_manifest", ref=str(path))
    return usable[0]
