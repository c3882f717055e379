"""Checks on the staged tree: is it what the plan said, and does it keep its contract. Nothing from the package is run.

Everything is read from the bytes that will be installed, never from the network again (SECURITY T19). It guarantees: what is
committed may do nothing that the person did not see in the plan; every capability it brings can be called; every skill serves
the callers of the capability it was chosen for.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from node.install.members import Budget
from node.install.zip_members import zip_members
from protocol import limits
from protocol.contract import Contract, check_contract, implemented_by
from protocol.contract_change import compare_contracts, version_is_enough, version_needed
from protocol.errors import ConflictError, DataError, IntegrityError
from protocol.install.abilities import Abilities, abilities_of
from protocol.install.planned import InstallPlan, Planned, Step
from protocol.install.provider import is_ignored
from protocol.install.questions import allows, constraint_of
from protocol.items import Dependency, Item
from protocol.manifests import read_manifest
from protocol.manifests.places import is_manifest
from protocol.refs import Kind


@dataclass(frozen=True, slots=True)
class Read:
    """A planned item, and what its bytes say it is."""

    planned: Planned
    item: Item


def check_tree(root: Path, planned: Planned) -> Read:
    """Hold a staged tree to its plan.

    Raises IntegrityError `install.other_item`, `install.more_than_planned`, DataError `install.no_manifest`.
    """
    found = items_in(root, folder=planned.id)
    if not found:
        raise DataError("install.no_manifest", ref=str(planned.ref))
    same = [one for one in found if (one.kind, one.id, one.version) == (planned.kind, planned.id, planned.version)]
    if not same:
        said = ", ".join(sorted(str(one.ref) for one in found)) or "-"
        raise IntegrityError("install.other_item", ref=str(planned.ref), found=said)
    more = _more(planned.may, abilities_of(same[0], offline=planned.may.offline))
    if planned.step is not Step.KEPT and more:
        raise IntegrityError("install.more_than_planned", ref=str(planned.ref), causes=more)
    return Read(planned, same[0])


def _more(shown: Abilities, real: Abilities) -> list[str]:
    """What the bytes say that nobody was asked about."""
    pairs = (
        ("permission", shown.permissions, real.permissions),
        ("command", shown.commands, real.commands),
        ("address", shown.addresses, real.addresses),
    )
    return [f"{word} {value}" for word, agreed, said in pairs for value in said if value not in agreed]


def check_needs(read: Mapping[str, Read]) -> None:
    """Hold every changed item to its plan in what it needs: all that its bytes require is part of the plan (`read`, by release).

    A lock somebody edited, or a manifest that changed since it was seen, would leave it without. Raises IntegrityError
    `install.needs_unplanned`.
    """
    for one in read.values():
        if one.planned.step is Step.KEPT:
            continue
        near = [read[name] for name in one.planned.needs if name in read] + [one]
        routed = {route.capability for route in one.planned.routes}
        missing = [
            f"{need.ref} {need.constraint}".strip()
            for need in one.item.requires
            if need.required and not is_ignored(need) and not _is_met(need, near, routed)
        ]
        if missing:
            raise IntegrityError(
                "install.needs_unplanned", ref=str(one.planned.ref), causes=missing[: limits.PLAN_CAUSES]
            )


def _is_met(need: Dependency, near: Sequence[Read], routed: Set[str]) -> bool:
    if need.kind is Kind.CAPABILITY:
        return need.id in routed or any(given.id == need.id for one in near for given in one.item.provides)
    constraint = constraint_of(need.constraint)
    return any(
        (one.planned.kind, one.planned.id) == (need.kind, need.id)
        and allows(constraint, one.planned.version, pre_releases=True)
        for one in near
    )


def check_contracts(read: Mapping[str, Read], plan: InstallPlan, before: Mapping[str, Item]) -> None:
    """Hold capabilities to the rules of contracts, and skills to the capabilities they were chosen for.

    `read` and `before` are by release; `before` has what the changed capabilities replace. Raises DataError `contract.*` for a
    contract that cannot be used, ConflictError `contract.incompatible` or `contract.version_too_small` with the differences.
    """
    contracts: dict[str, Contract] = {}
    for release, one in read.items():
        if one.planned.kind is Kind.CAPABILITY:
            contract, faults = check_contract(one.item)
            if faults and one.planned.step is not Step.KEPT:
                raise faults[0].error()
            if contract is not None:
                contracts[release] = contract
                _check_version(one.planned, contract, before)
    for release, contract_release in sorted(_claims(plan, contracts)):
        if release in read and contract_release in contracts:
            _check_claim(read[release], contract_release, contracts[contract_release])


def _claims(plan: InstallPlan, contracts: Mapping[str, Contract]) -> set[tuple[str, str]]:
    """(skill, capability) releases that have to fit: what was matched, and what routes say where nothing was resolved."""
    found = {(match.release, match.contract) for match in plan.matches}
    for item in plan.items:
        for route in item.routes:
            named = [
                name for name in item.needs if name in contracts and contracts[name].capability == route.capability
            ]
            found.update((skill, name) for skill in route.skills for name in named)
    return found


def _check_version(planned: Planned, contract: Contract, before: Mapping[str, Item]) -> None:
    """A capability that is upgraded says with its version what its differences mean."""
    old = check_contract(before[planned.was])[0] if planned.was in before else None
    if planned.step is not Step.UPGRADED or old is None or version_is_enough(old, contract):
        return
    causes = [str(one) for one in compare_contracts(old, contract).differences]
    raise ConflictError(
        "contract.version_too_small",
        ref=str(planned.ref),
        old=old.version,
        step=version_needed(old, contract).upper(),
        causes=causes[: limits.PLAN_CAUSES],
    )


def _check_claim(skill: Read, release: str, claimed: Contract) -> None:
    comparison = compare_contracts(claimed, implemented_by(skill.item, claimed))
    if not comparison.compatible:
        causes = [str(one) for one in comparison.breaking][: limits.PLAN_CAUSES]
        ref = release.partition(" ")[0]
        raise ConflictError("contract.incompatible", release=skill.planned.release, ref=ref, causes=causes)


def items_in(root: Path, folder: str) -> list[Item]:
    """The items that the manifests at the top of a tree describe; of a tree that is one `.jar`, those at the top of the jar.

    `folder` stands for the tree's own name. Raises DataError `unpack.*` for a jar whose directory cannot be read.
    """
    paths = sorted(root.iterdir())
    found: list[Item] = []
    for name, data in _manifests(paths) if len(paths) > 1 or not _is_jar(paths) else _inside(paths[0]):
        if is_manifest(f"{folder}/{name}"):
            found += read_manifest(f"{folder}/{name}", data()).items
    return found


def _is_jar(paths: Sequence[Path]) -> bool:
    return bool(paths) and paths[0].is_file() and paths[0].name.lower().endswith(".jar")


def _manifests(paths: Sequence[Path]) -> Iterator[tuple[str, Callable[[], bytes]]]:
    for path in paths:
        if path.is_file():
            with path.open("rb") as stream:
                yield path.name, partial(stream.read, limits.MANIFEST_BYTES + 1)


def _inside(jar: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Top-level files of a jar, for their manifests alone: a jar is never unpacked."""
    with jar.open("rb") as stream:
        size = stream.seek(0, io.SEEK_END)
        for member in zip_members(stream, size, Budget(limits.ITEM_BYTES)):
            if "/" not in member.name and member.size <= limits.MANIFEST_BYTES:
                chunks = member.chunks
                yield member.name, lambda chunks=chunks: b"".join(chunks)  # type: ignore[misc]
