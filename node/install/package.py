"""Installing straight from a folder, a package file or a single manifest, without a scan: one item on top of the index."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from node.install.checks import items_in
from node.install.fetch import Deliverer, DiskDeliverer
from node.install.first_seen import dated
from node.install.planning import PlanOptions, plan_policy
from node.install.store import Store
from node.install.universe import IndexUniverse
from node.service import Service
from protocol.errors import DataError, NotFoundError, UnavailableError
from protocol.install.model import Generation
from protocol.install.plan import make_plan
from protocol.install.planned import InstallPlan
from protocol.install.target import FileTarget, file_path, is_package_name
from protocol.install.universe import Candidate, Location, Universe
from protocol.items import Channel, Evidence, Item, Sighting
from protocol.refs import Kind, Ref
from protocol.trust import admit


@dataclass(frozen=True, slots=True)
class PackagePlan:
    """An opened package: what it is, whose it is, and where everything it needs is looked for."""

    ref: Ref
    principal: str
    universe: Universe

    def plan(self, service: Service, installed: Generation, options: PlanOptions) -> InstallPlan:
        """What installing it would do."""
        owners = {**options.owners, str(self.ref.any_version): self.principal}
        named = replace(options, owners=owners)
        now = service.now()
        universe = dated(service.paths, self.universe, installed, now)
        return make_plan(self.ref, universe, installed, plan_policy(service, named), named.choices, now, time.monotonic)


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
    """The package at a path: a folder, a package file, or a single manifest; None when `target` is a ref.

    Raises NotFoundError `install.no_package`, DataError `install.no_manifest`, `unpack.*`.
    """
    text = file_path(target)
    path = (base / Path(text).expanduser()).absolute()
    named = is_package_name(text.rpartition("/")[2])
    try:
        if path.is_symlink():  # the person chose it, so where it leads is meant; what lies below is not followed
            path = path.resolve()
        there, folder = path.exists(), path.is_dir()
    except (OSError, RuntimeError):  # too long a name, a folder that is not for us, links in a circle
        there = folder = False
    if not (folder or named or os.sep in text):
        return None
    if not there:
        raise NotFoundError("install.no_package", path=str(path)[:200])
    location = Location("local_fs", path.as_uri(), f"local:{os.getuid()}")
    evidence = Evidence(Channel.OWN_FILES if path.stat().st_uid in (os.getuid(), 0) else Channel.FOREIGN_FILES)
    return asyncio.run(_open(location, DiskDeliverer(), evidence, path.name if path.is_dir() else "", service))


def open_file(target: FileTarget, deliverer: Deliverer | None, service: Service) -> PackagePlan:
    """The package at an http(s) address, brought by `deliverer`. Blocking.

    Raises UnavailableError `install.needs_network`, DataError `install.no_manifest`, `unpack.*`, and what the deliverer raises.
    """
    if deliverer is None or (service.config.settings.offline and not deliverer.near):
        raise UnavailableError("install.needs_network", target=target.url)
    host = urlsplit(target.url).netloc.lower()
    secure = target.url.startswith("https:")
    evidence = Evidence(Channel.ORIGIN if secure else Channel.PLAIN, owner=host)
    return asyncio.run(_open(Location("url", target.url, f"url:{host}"), deliverer, evidence, "", service))


async def _open(
    location: Location, deliverer: Deliverer, evidence: Evidence, folder: str, service: Service
) -> PackagePlan:
    with tempfile.TemporaryDirectory(prefix="ooder-") as scratch, Store(Path(scratch)).stage() as stage:
        done, _ = await deliverer.bring(location, stage)
        item = _main_item(items_in(stage.path(done.digest), folder), location.url)
    now, url = service.now(), location.url
    said = Sighting(item, location.source, url, "", url, location.principal, evidence, now, digest=done.digest)
    verified = admit(said, service.rules.policy, now)
    own = Candidate(
        item,
        location.principal,
        verified.trust,
        done.digest,
        verified.reasons,
        done.size,
        len(done.files),
        locations=(location,),
    )
    return PackagePlan(item.ref, location.principal, Overlay(IndexUniverse(service), own))


def _main_item(items: list[Item], place: str) -> Item:
    order = {Kind.SCENE: 0, Kind.SKILL: 1}
    usable = sorted((item for item in items if item.kind in order), key=lambda item: order[item.kind])
    if not usable:
        raise DataError("install.no_manifest", ref=place)
    return usable[0]
