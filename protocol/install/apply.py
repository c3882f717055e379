"""A change to the installed set: from one generation to the next, without touching a disk.

What it guarantees: the next generation is closed (every need is in it), holds nothing that no requested item needs, names no
scene twice, never maps one release to two digests, and gives every scene at most one skill per id. What it leaves to others:
choosing versions (the planner), bytes (the store), consent (the service).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from protocol import limits
from protocol.errors import ConflictError, DataError, NotFoundError
from protocol.install.model import Consent, Generation, Installed
from protocol.refs import Kind, parse_ref


@dataclass(frozen=True, slots=True)
class Change:
    """What one commit does. `add` replaces the requested item of the same kind and id; `remove` are refs that are no longer
    wanted. `base` is the generation the plan was made on; a commit on another one is refused (None: any)."""

    reason: str
    add: tuple[Installed, ...] = ()
    remove: tuple[str, ...] = ()
    consents: tuple[Consent, ...] = ()
    base: int | None = None


def apply(before: Generation, change: Change, at: float) -> Generation:
    """The generation after `change`.

    Raises NotFoundError `install.not_installed`; ConflictError `install.needed`, `install.equivocation`,
    `install.two_releases`, `install.base_moved`; DataError `install.dangling`, `install.too_many`.
    """
    if change.base is not None and change.base != before.number:
        raise ConflictError("install.base_moved", planned=change.base, current=before.number)
    items = _added(_removed(before, change.remove), change.add)
    whole = Generation(before.number + 1, at, change.reason, before.number, _sorted(items))
    return check(replace(whole, items=_kept(whole), consents=_consents(before, change)))


def check(generation: Generation) -> Generation:
    """Return the generation if it is closed and unambiguous; also used on generations read from disk."""
    if len(generation.items) > limits.INSTALLED_ITEMS:
        raise DataError("install.too_many", count=len(generation.items), limit=limits.INSTALLED_ITEMS)
    known: dict[str, Installed] = {}
    for item in generation.items:
        if item.release in known:
            raise ConflictError(
                "install.equivocation", release=item.release, causes=[known[item.release].digest, item.digest]
            )
        known[item.release] = item
    for item in generation.items:
        for name in (*item.needs, *(skill for route in item.routes for skill in route.skills)):
            if name not in known:
                raise DataError("install.dangling", release=item.release, needs=name)
    _check_names("scene", generation.scenes)
    for scene in generation.scenes:
        _check_names(str(scene.ref), (item for item in generation.closure([scene]) if item.kind is Kind.SKILL))
    return generation


def _check_names(owner: str, items: Iterable[Installed]) -> None:
    seen: dict[str, Installed] = {}
    for item in items:
        if item.id in seen:
            raise ConflictError(
                "install.two_releases", owner=owner, id=item.id, causes=[seen[item.id].release, item.release]
            )
        seen[item.id] = item


def _removed(before: Generation, refs: tuple[str, ...]) -> dict[str, Installed]:
    items = {item.release: item for item in before.items}
    for text in refs:
        ref = parse_ref(text)
        found = [item for item in before.find(ref.kind, ref.id) if ref.version in ("", item.version)]
        if not found:
            raise NotFoundError("install.not_installed", ref=text)
        asked = [item for item in found if item.requested]
        if not asked:
            raise ConflictError(
                "install.needed", ref=text, causes=sorted({name for item in found for name in item.required_by})
            )
        for item in asked:
            items[item.release] = replace(item, requested=False)
    return items


def _added(items: dict[str, Installed], add: tuple[Installed, ...]) -> dict[str, Installed]:
    for item in add:
        old = items.get(item.release)
        if old is not None and old.digest != item.digest:
            raise ConflictError("install.equivocation", release=item.release, causes=[old.digest, item.digest])
        if item.requested:
            for other in list(items.values()):
                if (other.kind, other.id) == (item.kind, item.id) and other.requested:
                    items[other.release] = replace(other, requested=False)
        kept = item.requested or (old is not None and old.requested)
        first_seen = item.first_seen if old is None else min(old.first_seen or item.first_seen, item.first_seen)
        items[item.release] = replace(item, requested=kept, first_seen=first_seen)
    return items


def _sorted(items: dict[str, Installed]) -> tuple[Installed, ...]:
    return tuple(items[name] for name in sorted(items))


def _kept(generation: Generation) -> tuple[Installed, ...]:
    kept = generation.closure(item for item in generation.items if item.requested)
    users: dict[str, set[str]] = {item.release: set() for item in kept}
    for item in kept:
        for name in item.needs:
            if name in users:
                users[name].add(item.release)
    return tuple(replace(item, required_by=tuple(sorted(users[item.release]))) for item in kept)


def _consents(before: Generation, change: Change) -> tuple[Consent, ...]:
    together = sorted({*before.consents, *change.consents})
    return tuple(together[-limits.CONSENTS_KEPT :])
