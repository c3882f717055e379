"""What other programs read: `installed/{sceneId}/config.yaml`, its `skills/` (guide 3.7), and `ooder.lock`.

All of it is derived from the current generation and rebuilt whenever it differs; nothing is ever read back. It is on the disk
for good before the intent of its commit goes. Files are second
names (hard links) of those in the store, copies where the disk has no links: readers that follow no links see real files.
A folder that this node did not make is never touched.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Container, Iterator

from node.install.commit import hex_of
from node.install.files import UNFINISHED, Folder
from node.install.unpack import TREE
from protocol import limits
from protocol.install.lockfile import encode_lock
from protocol.install.model import Generation, Installed
from protocol.refs import Kind

INSTALLED, LOCK, CONFIG, SKILLS, PACKAGE = "installed", "ooder.lock", "config.yaml", "skills", "scene"
_NO_LINKS = (errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOTSUP)
_MARK = "# Written by ooder and rebuilt whenever it differs; settings of skills live in config/skills/."


def project(home: Folder, store: Folder, generation: Generation, deep: Container[str]) -> list[str]:
    """Make the projection say what `generation` says; the bytes of trees in `deep` (digests) are compared too.

    Returns the paths of folders that are not ours and were left alone.
    """
    home.ensure(INSTALLED).close()  # before the lock file, whose sync of the home keeps both
    text = encode_lock(generation.items).encode()
    home.remove(f".{LOCK}{UNFINISHED}")
    if not _says(home, LOCK, text):
        home.replace(LOCK, text, "lock")
    foreign: list[str] = []
    with home.open(INSTALLED) as installed:
        wanted = {scene.id: config_text(generation, scene).encode() for scene in generation.scenes}
        for name in installed.names():
            if name.startswith(".") and name.endswith((UNFINISHED, ".old")):
                installed.remove(name)
            elif name not in wanted and _is_ours(installed, name):
                _replace(installed, name, None)
        for scene in generation.scenes:
            if installed.has(scene.id) and not _is_ours(installed, scene.id):
                foreign.append(f"{installed.path}/{scene.id}")
            elif not _is_current(installed, generation, scene, wanted[scene.id]) or any(
                digest in deep and not _same(installed, store, scene.id, place, name, digest)
                for place, name, digest in _parts(generation, scene)
            ):
                _build(installed, store, generation, scene, wanted[scene.id])
    return foreign


def config_text(generation: Generation, scene: Installed) -> str:
    """The text of a scene's `config.yaml`: deterministic YAML, every scalar a JSON string or number."""
    members = _members(generation, scene)
    lines = [
        _MARK,
        "schema: ooder.installed/v1",
        f"sceneId: {_json(scene.id)}",
        f"version: {_json(scene.version)}",
        f"principal: {_json(scene.principal)}",
        f"digest: {_json(scene.digest)}",
        f"trust: {_json(scene.trust)}",
        "skills:" + ("" if members else " []"),
    ]
    for skill in members:
        lines += [
            f"  - skillId: {_json(skill.id)}",
            f"    version: {_json(skill.version)}",
            f"    principal: {_json(skill.principal)}",
            f"    digest: {_json(skill.digest)}",
            f"    path: {_json(f'{SKILLS}/{skill.id}')}",
        ]
    lines.append("capabilities:" + ("" if scene.routes else " []"))
    names = {skill.release: skill.id for skill in members}
    for route in scene.routes:
        lines += [
            f"  - capId: {_json(route.capability)}",
            f"    strategy: {_json(route.strategy)}",
            f"    skills: {_json([names.get(release, release) for release in route.skills])}",
        ]
    return "\n".join(lines) + "\n"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _members(generation: Generation, scene: Installed) -> list[Installed]:
    return [item for item in generation.closure([scene]) if item.kind is Kind.SKILL]


def _parts(generation: Generation, scene: Installed) -> Iterator[tuple[str, str, str]]:
    """(folder, name, digest) of every tree that shows in a scene's folder."""
    if scene.digest:
        yield "", PACKAGE, scene.digest
    for skill in _members(generation, scene):
        yield SKILLS, skill.id, skill.digest


def _says(folder: Folder, name: str, data: bytes) -> bool:
    try:
        return folder.read(name, len(data)) == data
    except OSError:
        return False


def _is_ours(installed: Folder, name: str) -> bool:
    if not installed.is_folder(name):
        return False
    with installed.open(name) as folder:
        try:
            return folder.read(CONFIG, limits.GENERATION_BYTES).startswith(_MARK.encode())
        except OSError:
            return False


def _is_current(installed: Folder, generation: Generation, scene: Installed, config: bytes) -> bool:
    """Whether the folder of a scene has the right configuration and the right folders; `verify` looks at the bytes."""
    if not installed.is_folder(scene.id):
        return False
    with installed.open(scene.id) as folder:
        if not _says(folder, CONFIG, config) or not folder.is_folder(SKILLS):
            return False
        with folder.open(SKILLS) as skills:
            return skills.names() == sorted(skill.id for skill in _members(generation, scene))


def _build(installed: Folder, store: Folder, generation: Generation, scene: Installed, config: bytes) -> None:
    fresh = f".{scene.id}{UNFINISHED}"
    installed.remove(fresh)
    with installed.make(fresh) as folder:
        with folder.make(SKILLS):
            pass
        for place, name, digest in _parts(generation, scene):
            with store.open(hex_of(digest)) as box, box.open(TREE) as tree:
                if place:
                    with folder.open(place) as parent, parent.make(name) as copy:
                        _mirror(tree, copy)
                else:
                    with folder.make(name) as copy:
                        _mirror(tree, copy)
        folder.write(CONFIG, config, "installed.file")
        _sync_folders(folder)
    _replace(installed, scene.id, fresh)


def _replace(installed: Folder, name: str, fresh: str | None) -> None:
    old = f".{name}.old"
    installed.remove(old)
    if installed.has(name):
        installed.rename(name, installed, old)
    if fresh is not None:
        installed.rename(fresh, installed, name)
    # Without this a power loss could leave the old folder under its name, half removed and no longer known as ours.
    installed.sync("installed.folder")
    installed.remove(old)


def _sync_folders(folder: Folder) -> None:
    for name in folder.names():
        if folder.is_folder(name):
            with folder.open(name) as inner:
                _sync_folders(inner)
    folder.sync("installed.tree")


def _mirror(tree: Folder, copy: Folder) -> None:
    for name in tree.names():
        if tree.is_folder(name):
            with tree.open(name) as inner, copy.make(name) as into:
                _mirror(inner, into)
        else:
            try:
                tree.link(name, copy, name)
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                _copy(tree, copy, name)


def _copy(tree: Folder, copy: Folder, name: str) -> None:
    executable = bool(os.stat(name, dir_fd=tree.fd, follow_symlinks=False).st_mode & stat.S_IXUSR)
    with copy.create(name, executable=executable) as file:
        file.write(tree.read(name, limits.ITEM_FILE_BYTES))
        file.sync("installed.copy")


def differing(home: Folder, generation: Generation, store: Folder) -> list[str]:
    """Paths of the projection that do not say what the generation says, byte by byte."""
    if not generation.number:
        return []
    found = [] if _says(home, LOCK, encode_lock(generation.items).encode()) else [LOCK]
    for scene in generation.scenes:
        try:
            with home.open(INSTALLED) as installed, installed.open(scene.id) as folder:
                if not _says(folder, CONFIG, config_text(generation, scene).encode()):
                    found.append(f"{INSTALLED}/{scene.id}/{CONFIG}")
                for place, name, digest in _parts(generation, scene):
                    if not _same(installed, store, scene.id, place, name, digest):
                        found.append("/".join(filter(None, (INSTALLED, scene.id, place, name))))
        except OSError:
            found.append(f"{INSTALLED}/{scene.id}")
    return found


def _same(installed: Folder, store: Folder, scene_id: str, place: str, name: str, digest: str) -> bool:
    """Whether one tree's mirror has the same names and bytes as the tree in the store."""
    try:
        with store.open(hex_of(digest)) as box, box.open(TREE) as tree, installed.open(scene_id) as folder:
            if not place:
                with folder.open(name) as copy:
                    return _equal(tree, copy)
            with folder.open(place) as parent, parent.open(name) as copy:
                return _equal(tree, copy)
    except OSError:
        return False


def _equal(tree: Folder, copy: Folder) -> bool:
    names = tree.names()
    if names != copy.names():
        return False
    for name in names:
        if tree.is_folder(name):
            if not copy.is_folder(name):
                return False
            with tree.open(name) as inner, copy.open(name) as other:
                if not _equal(inner, other):
                    return False
        elif not _same_file(tree, copy, name):
            return False
    return True


def _same_file(tree: Folder, copy: Folder, name: str) -> bool:
    ours = os.stat(name, dir_fd=tree.fd, follow_symlinks=False)
    theirs = os.stat(name, dir_fd=copy.fd, follow_symlinks=False)
    if (ours.st_ino, ours.st_dev) == (theirs.st_ino, theirs.st_dev):
        return True
    return ours.st_mode == theirs.st_mode and _says(copy, name, tree.read(name, limits.ITEM_FILE_BYTES))
