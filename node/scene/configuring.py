"""Writing the settings and secrets of a skill that `node.scene.settings` reads: whole files, 0600 in a 0700 folder.

Values go in and are never told: not on the screen, not in errors, not in logs, not in bundles.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from node.install.store import Store
from node.io.atomic import write_file
from node.paths import Paths
from node.scene.reading import read_item
from node.scene.settings import SECRETS, SETTINGS, read_file, settings_path
from node.scene.views import make_private
from protocol import limits
from protocol.errors import NotFoundError, StorageError, UsageError
from protocol.install.abilities import Setting, abilities_of
from protocol.items import Item, Json
from protocol.refs import Kind, parse_ref
from protocol.yaml_out import emit


@dataclass(frozen=True, slots=True)
class Wanted:
    """One setting that a skill declares, and whether it has a value."""

    setting: Setting
    given: bool


def wanted(paths: Paths, skill: Item) -> tuple[Wanted, ...]:
    """What a skill declares. A default counts as given. Raises DataError `scene.bad_settings`."""
    folder = settings_path(paths, skill.id).parent
    known = {**read_file(folder / SETTINGS), **read_file(folder / SECRETS)}
    declared = abilities_of(skill, offline=False).settings
    return tuple(Wanted(one, one.name in known or one.name in _defaults(skill)) for one in declared)


def settings_body(rows: Iterable[Wanted]) -> list[dict[str, Json]]:
    """As JSON, without any value."""
    return [
        {
            "name": one.setting.name,
            "required": one.setting.required,
            "secret": one.setting.secret,
            "given": one.given,
            "description": one.setting.description,
        }
        for one in rows
    ]


def installed_skill(store: Store, text: str) -> Item:
    """The manifest of an installed skill, by ref. Raises NotFoundError `install.not_installed`, DataError `ref.*`."""
    ref = parse_ref(text if ":" in text else f"skill:{text}")
    found = [one for one in store.current().find(Kind.SKILL, ref.id) if one.digest and ref.version in ("", one.version)]
    if ref.kind is not Kind.SKILL or not found:
        raise NotFoundError("install.not_installed", ref=text)
    return read_item(store, found[-1])


def missing(paths: Paths, skill: Item) -> tuple[Setting, ...]:
    """Required settings that nobody gave yet."""
    return tuple(one.setting for one in wanted(paths, skill) if one.setting.required and not one.given)


def configure(paths: Paths, skill: Item, values: Mapping[str, str], unset: frozenset[str] = frozenset()) -> None:
    """Write `values` and forget `unset`; what the skill declares as secret goes to the secrets.

    Raises UsageError `settings.unknown`, `settings.bad_value`; DataError `scene.bad_settings`; StorageError `home.unwritable`.
    """
    declared = {one.name: one for one in abilities_of(skill, offline=False).settings}
    for name in (*values, *unset):
        if name not in declared and name != "baseUrl":
            raise UsageError("settings.unknown", skill=skill.id, name=name[:80], known=sorted(declared))
    for name, value in values.items():
        if not all(char.isprintable() or char in "\n\t" for char in value):
            raise UsageError("settings.bad_value", skill=skill.id, name=name)
    folder = make_private(settings_path(paths, skill.id).parent)
    for file, secret in ((SETTINGS, False), (SECRETS, True)):
        before = read_file(folder / file)
        ours = {name: value for name, value in values.items() if _is_secret(declared, name) is secret}
        after: dict[str, Json] = {name: value for name, value in before.items() if name not in {*values, *unset}}
        after |= ours
        if after == before:
            continue
        data = emit(dict(sorted(after.items()))).encode()
        if len(data) > limits.SKILL_SETTINGS_BYTES or len(after) > limits.SKILL_SETTINGS:
            raise UsageError("settings.too_much", skill=skill.id, limit=limits.SKILL_SETTINGS_BYTES)
        try:
            write_file(folder / file, data)
        except OSError as error:
            raise StorageError("home.unwritable", path=str(folder / file), reason=error.strerror or "") from error


def _is_secret(declared: Mapping[str, Setting], name: str) -> bool:
    return name in declared and declared[name].secret


def _defaults(skill: Item) -> frozenset[str]:
    config = skill.facts.get("config")
    rows = [row for word in ("required", "optional") for row in _list(config, word)]
    return frozenset(str(row.get("name")) for row in rows if row.get("default") not in (None, ""))


def _list(config: Json, word: str) -> list[Mapping[str, Json]]:
    listed = config.get(word) if isinstance(config, Mapping) else None
    return [row for row in listed if isinstance(row, Mapping)] if isinstance(listed, list) else []
