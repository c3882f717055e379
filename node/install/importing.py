"""From a bundle that was checked to a plan: its lock, followed to the letter, judged by this machine and not by the one it is from."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from node.install.bundle import Bundle, BundleDeliverer
from node.install.checks import items_in
from node.install.store import Store
from node.keys import read_key
from node.service import Service
from protocol.errors import IntegrityError, PolicyError
from protocol.identity import parse_fingerprint, spoken
from protocol.install.bundle import tree_name
from protocol.install.locked import locked_plan
from protocol.install.model import Generation, Installed
from protocol.install.planned import Asked, InstallPlan, Question, Step
from protocol.install.universe import Candidate, Location, MemoryUniverse
from protocol.items import Channel, Evidence, Item, Sighting
from protocol.query import Trust
from protocol.refs import parse_ref
from protocol.trust import admit


def plan_import(bundle: Bundle, service: Service, installed: Generation, keys: Collection[str]) -> InstallPlan:
    """What importing would do. `keys` are fingerprints that the person compared. Blocking: every tree is unpacked once.

    Raises PolicyError `bundle.unknown_key`, `bundle.revoked_key`; IntegrityError `install.wrong_digest`; what unpacking raises.
    """
    own = _check_signer(bundle, service, keys)
    items = bundle.items if own else tuple(_renamed(one, bundle.key.principal) for one in bundle.items)
    policy = service.rules.policy
    policy = replace(policy, known_keys=policy.known_keys | {bundle.key.fingerprint})
    candidates = {}
    for item, found in _read(bundle, items).items():
        evidence = Evidence(Channel.SIGNED, key=bundle.key.fingerprint)
        url = f"bundle:{tree_name(item.digest)}"
        said = Sighting(found, "local_fs", url, "", url, item.principal, evidence, service.now(), digest=item.digest)
        verdict = admit(said, policy, service.now())
        trust = Trust(item.trust) if own and item.trust in set(Trust) else verdict.trust
        place = Location("local_fs", url, item.principal)
        candidates[item.release] = Candidate(
            found, item.principal, trust, item.digest, verdict.reasons, item.size, item.files, locations=(place,)
        )
    judged = [
        replace(one, trust=candidates[one.release].trust.value) if one.release in candidates else one for one in items
    ]
    universe = MemoryUniverse(candidates.values())
    plan = locked_plan(parse_ref(bundle.target), judged, universe, installed, service.now(), Trust.UNVERIFIED)
    return plan if own else _asking(plan)


def deliverers(bundle: Bundle) -> Mapping[str, BundleDeliverer]:
    """Who brings the bytes of such a plan."""
    return {"bundle": BundleDeliverer(bundle)}


def _check_signer(bundle: Bundle, service: Service, keys: Collection[str]) -> bool:
    """Whether it is our own bundle."""
    mark = bundle.key.fingerprint
    policy = service.rules.policy
    if mark in policy.revoked_keys:
        raise PolicyError("bundle.revoked_key", key=spoken(mark))
    own = read_key(service.paths)
    if own is not None and own.public == bundle.key:
        return True
    if mark not in {parse_fingerprint(key) for key in keys} | policy.known_keys:
        raise PolicyError("bundle.unknown_key", path=str(bundle.path), key=spoken(mark))
    return False


def _renamed(item: Installed, signer: str) -> Installed:
    """Files of a user of another machine are the signer's here, never this user's own."""

    def principal(name: str) -> str:
        return signer if name.startswith("local:") else name

    def release(text: str) -> str:
        ref, _, name = text.partition(" ")
        return f"{ref} {principal(name)}"

    routes = tuple(replace(route, skills=tuple(release(one) for one in route.skills)) for route in item.routes)
    needs = tuple(release(one) for one in item.needs)
    return replace(item, principal=principal(item.principal), needs=needs, routes=routes)


def _read(bundle: Bundle, items: Collection[Installed]) -> dict[Installed, Item]:
    """What every item says it is, read from its own bytes."""
    found: dict[Installed, Item] = {}
    deliverer = BundleDeliverer(bundle)
    with tempfile.TemporaryDirectory(prefix="ooder-") as scratch, Store(Path(scratch)).stage() as stage:
        for item in items:
            if not item.digest:
                continue
            done, _ = deliverer.unpack(tree_name(item.digest), stage)
            if done.digest != item.digest:
                raise IntegrityError("install.wrong_digest", ref=str(item.ref), wanted=item.digest, found=done.digest)
            same = [
                one
                for one in items_in(stage.path(done.digest), item.id)
                if (one.kind, one.id, one.version) == (item.kind, item.id, item.version)
            ]
            if not same:
                raise IntegrityError("install.other_item", ref=str(item.ref), found="-")
            found[item] = same[0]
    return found


def _asking(plan: InstallPlan) -> InstallPlan:
    """The lock was reviewed by somebody else: trust is asked about here."""
    asked = [
        Question(Asked.TRUST, item.release, item.reasons, trust=item.trust)
        for item in plan.items
        if item.step is not Step.KEPT
    ]
    return replace(plan, questions=tuple(sorted({*plan.questions, *asked})))
