"""What this node's user has decided about trust: pins and keys in `trust.yaml`, official places in the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from node import registry
from node.config import Settings
from node.config_file import dump_config, read_config_file
from node.paths import Paths
from protocol.errors import NotFoundError, UsageError
from protocol.refs import Ref, parse_ref
from protocol.revoked_lists import NOTHING, Revoked
from protocol.trust import TrustPolicy


@dataclass(frozen=True, slots=True)
class TrustDecisions:
    """The content of `trust.yaml`. `pins`: ref without version -> principal that owns the name."""

    pins: Mapping[str, str] = field(default_factory=dict)
    known_keys: tuple[str, ...] = ()
    revoked_keys: tuple[str, ...] = ()


def read_decisions(path: Path) -> TrustDecisions:
    """Read `trust.yaml`; a missing file is no decisions. Raises UsageError `config.syntax` or `config.invalid`."""
    if not path.exists():
        return TrustDecisions()
    layer = read_config_file(path)
    unknown = set(layer.values) - {"pins", "known_keys", "revoked_keys"}
    pins = layer.values.get("pins") or {}
    if unknown or not isinstance(pins, Mapping):
        key = min(unknown, default="pins")
        raise UsageError("config.invalid", origin=layer.origin((key,)), key=key, reason="no such setting", count=1)
    return TrustDecisions(
        {str(parse_ref(name).any_version): str(principal) for name, principal in pins.items()},
        tuple(layer.values.get("known_keys") or ()),
        tuple(layer.values.get("revoked_keys") or ()),
    )


def policy_of(settings: Settings, decisions: TrustDecisions, revocations: Path | None = None) -> TrustPolicy:
    """The policy the trust door asks; `revocations` is the file of the lists of registries."""
    official = official_of(settings)
    return TrustPolicy(
        official=official,
        revoked=revoked_in(revocations, official),
        known_keys=frozenset(decisions.known_keys),
        revoked_keys=frozenset(decisions.revoked_keys),
        pins=tuple(sorted(decisions.pins.items())),
    )


def official_of(settings: Settings) -> frozenset[str]:
    """Everybody this user made official."""
    return frozenset(settings.trust.official) | _official_places(settings)


def revoked_in(revocations: Path | None, official: frozenset[str]) -> Revoked:
    """What the kept lists of registries end."""
    if revocations is None or not revocations.exists():
        return NOTHING
    from node.revocation_lists import Revocations

    return Revocations(revocations).amount_to(official)


def _official_places(settings: Settings) -> frozenset[str]:
    """Principals of repositories and registries that carry `official: true`; a source is imported only when there may be one."""
    found: frozenset[str] = frozenset()
    for source, key in (("git_repository", "repositories"), ("skill_center", "registries")):
        section = settings.sources.get(source, {})
        if not any(isinstance(entry, Mapping) and entry.get("official") for entry in section.get(key) or ()):
            continue
        try:
            found |= registry.load(source).config.model_validate(section).official  # type: ignore[attr-defined]
        except ValueError:  # reported where the source is made; a section that does not hold makes nobody official
            continue
    return found


def pin(paths: Paths, ref: Ref, principal: str) -> TrustDecisions:
    """Write down who owns a name."""
    before = read_decisions(paths.trust)
    return _write(paths, before, {**before.pins, str(ref.any_version): principal})


def unpin(paths: Paths, ref: Ref) -> TrustDecisions:
    """Forget who owns a name. Raises NotFoundError `trust.not_pinned`."""
    before = read_decisions(paths.trust)
    name = str(ref.any_version)
    if name not in before.pins:
        raise NotFoundError("trust.not_pinned", ref=name)
    return _write(paths, before, {key: value for key, value in before.pins.items() if key != name})


def know_key(paths: Paths, key: str) -> TrustDecisions:
    """Write down that a key belongs to a device of this user."""
    before = read_decisions(paths.trust)
    return _write(paths, replace(before, known_keys=tuple(dict.fromkeys((*before.known_keys, key)))), before.pins)


def forget_key(paths: Paths, key: str) -> TrustDecisions:
    """The device with this key is no longer this user's. Raises NotFoundError `peer.not_paired`."""
    before = read_decisions(paths.trust)
    if key not in before.known_keys:
        raise NotFoundError("peer.not_paired", name=key[:7])
    return _write(paths, replace(before, known_keys=tuple(one for one in before.known_keys if one != key)), before.pins)


def _write(paths: Paths, before: TrustDecisions, pins: Mapping[str, str]) -> TrustDecisions:
    paths.ensure()
    dump_config(
        paths.trust,
        {"pins": dict(pins), "known_keys": list(before.known_keys), "revoked_keys": list(before.revoked_keys)},
    )
    return TrustDecisions(dict(pins), before.known_keys, before.revoked_keys)
