"""Settings of a skill that is replaced, taken over by the one that replaces it (FLOWS 4.4).

What both declare by the same name and the new one has no value for yet is taken over; secrets only when both are of one principal:
what was given to one publisher's program is not handed to another's behind the person's back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from node.io.atomic import write_file
from node.paths import Paths
from node.scene.configuring import configure
from node.scene.settings import SECRETS, SETTINGS, read_file, read_settings, settings_path
from node.scene.views import make_private
from protocol.install.abilities import abilities_of
from protocol.items import Item


@dataclass(frozen=True, slots=True)
class Migrated:
    """Names of settings, never values: what was taken over, and what was held back because it is secret."""

    taken: tuple[str, ...] = ()
    held_back: tuple[str, ...] = ()


@contextmanager
def migrated(paths: Paths, old: Item, new: Item, *, one_principal: bool) -> Iterator[Migrated]:
    """Take the settings of `old` over to `new`; an error inside the block takes that back. Blocking.

    Raises DataError `scene.bad_settings`, StorageError `home.unwritable`.
    """
    folder = settings_path(paths, new.id).parent
    before = {name: _bytes(folder / name) for name in (SETTINGS, SECRETS)}
    has = {**read_file(folder / SETTINGS), **read_file(folder / SECRETS)}
    values = read_settings(paths, old.id) if old.id != new.id else {}
    secret = {one.name for item in (old, new) for one in abilities_of(item, offline=False).settings if one.secret}
    wanted = [one.name for one in abilities_of(new, offline=False).settings]
    shared = [name for name in wanted if name in values and name not in has]
    taken = {name: values[name] for name in shared if one_principal or name not in secret}
    if taken:
        configure(paths, new, taken)
    try:
        yield Migrated(tuple(taken), tuple(name for name in shared if name not in taken))
    except BaseException:
        if taken:
            _restore(folder, before)
        raise


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _restore(folder: Path, before: dict[str, bytes | None]) -> None:
    make_private(folder)
    for name, data in before.items():
        if data is None:
            (folder / name).unlink(missing_ok=True)
        else:
            write_file(folder / name, data)
