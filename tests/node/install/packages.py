"""Packages and change sets for the tests of the store.

>>> store, change = some_store(home), install("demo", ["pdf", "ocr"])       # doctest: +SKIP
"""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from node.install.files import Files
from node.install.stage import Stage
from node.install.store import Committed, Store
from node.install.unpack import PackedFile, Unpacked
from protocol.install.apply import Change
from protocol.install.model import Installed, Route
from protocol.refs import Kind

Content = Mapping[str, bytes]


def zip_bytes(content: Content, executable: frozenset[str] = frozenset()) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3
            info.external_attr = (0o100755 if name in executable else 0o100644) << 16
            archive.writestr(info, data)
    return out.getvalue()


def tar_bytes(content: Content, executable: frozenset[str] = frozenset(), layout: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=layout) as archive:
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.mode = 0o755 if name in executable else 0o644
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def skill_files(name: str, version: str, count: int = 3) -> list[PackedFile]:
    files = [PackedFile("SKILL.md", False, f"# {name} {version}\n".encode())]
    files += [
        PackedFile(f"scripts/part{n}.sh", n % 2 == 0, f"{name} {version} {n}\n".encode() * 9) for n in range(1, count)
    ]
    return files


def item(kind: Kind, name: str, version: str, done: Unpacked, **more: object) -> Installed:
    return Installed(kind, name, version, "local:1000", done.digest, done.size, len(done.files), "personal", **more)  # type: ignore[arg-type]


def stage_scene(stage: Stage, scene: str, version: str, skills: Mapping[str, str], count: int = 3) -> Change:
    """Stage a scene with skills (name -> version); the change that installs it."""
    needed = [item(Kind.SKILL, name, v, stage.files(skill_files(name, v, count))) for name, v in skills.items()]
    done = stage.files([PackedFile("scene.yaml", False, f"id: {scene}\nversion: '{version}'\n".encode())])
    routes = tuple(Route(f"cap-{skill.id}", (skill.release,)) for skill in needed)
    top = item(
        Kind.SCENE,
        scene,
        version,
        done,
        needs=tuple(s.release for s in needed),
        requested=True,
        routes=routes,
    )
    return Change(f"install scene:{scene}@{version}", (*needed, top))


def install(
    store: Store,
    scene: str,
    version: str,
    skills: Mapping[str, str],
    now: float = 1.0,
    *,
    count: int = 3,
    activation: bool = False,
) -> Committed:
    with store.stage() as stage:
        return store.commit(stage_scene(stage, scene, version, skills, count), now, stage, activation=activation)


def check_whole(home: Path, *, leftovers: bool = True) -> None:
    """Everything current is there byte for byte; with `leftovers`, nothing else is."""
    store = Store(home, Files())
    found = store.verify()
    assert found.ok, found
    root = home / "store-v1"
    if leftovers and root.exists():
        assert not list((root / "staging").iterdir())
        assert not list((root / "trash").iterdir())
        assert not list((root / "tx").iterdir())
        kept = {d.removeprefix("sha256:") for g in store.history() for d in g.digests}
        assert {path.name for path in (root / "store").iterdir()} == kept
