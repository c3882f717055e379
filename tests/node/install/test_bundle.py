"""Bundles: out of one home, into another; every byte counts, nothing private is inside."""

from __future__ import annotations

import os
import random
import shutil
import tarfile
from pathlib import Path

import pytest

from node.install.bundle import read_bundle
from protocol.errors import OoderError
from tests.node.test_cli import Ooder, catalogue, data, ooder

__all__ = ["catalogue", "ooder"]

CANARY = "canary-7f3a"


@pytest.fixture
def exported(ooder: Ooder, catalogue: Path, tmp_path: Path) -> tuple[Path, str]:
    """A bundle of a scene, and the key that signed it."""
    ooder("scan", str(catalogue))
    assert ooder("install", "scene:meeting-minutes", "--yes")[0] == 0
    settings = tmp_path / "home" / "config" / "skills" / "skill-msg-mail" / "secrets.yaml"
    settings.parent.mkdir(parents=True)
    settings.write_text(f"PASSWORD: {CANARY}\n")
    done = data(ooder("export", "scene:meeting-minutes", "-o", str(tmp_path / "minutes.tar"), "--json"))
    return tmp_path / "minutes.tar", done["key"]


def test_another_machine_installs_it_without_a_network(
    ooder: Ooder, exported: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, key = exported
    digests = {row["tree"] if "tree" in row else row["digest"] for row in data(ooder("installed", "--json"))["items"]}
    shutil.rmtree(tmp_path / "catalogue")
    monkeypatch.setenv("OODER_HOME", str(tmp_path / "there"))
    code, _, err = ooder("--offline", "import", str(bundle), "--yes")
    assert code == 6 and "bundle.unknown_key" in err and key in err
    code, _, err = ooder("--offline", "import", str(bundle), "--key", key)
    assert code == 6 and "install.not_agreed" in err
    code, out, err = ooder("--offline", "import", str(bundle), "--key", key, "--yes")
    assert code == 0 and "generation 1" in out, err
    assert ooder("verify")[0] == 0
    rows = data(ooder("installed", "--json"))["items"]
    assert {row["tree"] if "tree" in row else row["digest"] for row in rows} == digests
    assert all(row["principal"].startswith("key:") for row in rows)
    code, out, _ = ooder("import", str(bundle), "--key", key)
    assert code == 0 and "installed already" in out


def test_nothing_private_is_inside(exported: tuple[Path, str], tmp_path: Path) -> None:
    bundle, _ = exported
    with tarfile.open(bundle) as archive:
        names = archive.getnames()
        archive.extractall(tmp_path / "out", filter="data")
        assert all((member.uid, member.mtime) == (0, 0) for member in archive)
    assert {name.partition("/")[0] for name in names} == {"bundle.sig", "members", "ooder.lock", "trees"}
    for path in (tmp_path / "out").rglob("*.tar.gz"):
        shutil.unpack_archive(path, path.with_suffix(""), "gztar", filter="data")
    said = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    for word in (CANARY, str(tmp_path), "node.key"):
        assert word.encode() not in said


def test_the_same_content_gives_the_same_trees(ooder: Ooder, exported: tuple[Path, str], tmp_path: Path) -> None:
    ooder("export", "scene:meeting-minutes", "-o", str(tmp_path / "again.tar"))
    first, second = (read_bundle(tmp_path / name, 2e9) for name in ("minutes.tar", "again.tar"))
    assert first.places.keys() == second.places.keys()
    assert first.path.stat().st_size == second.path.stat().st_size


def test_any_flipped_byte_is_refused(exported: tuple[Path, str], tmp_path: Path) -> None:
    good = exported[0].read_bytes()
    read_bundle(exported[0], 2e9)
    chance = random.Random(3)
    headers = [
        at
        for start in range(0, len(good), 512)
        if good[start + 257 : start + 262] == b"ustar"
        for at in range(start, start + 512, 37)
    ]
    places = {0, 511, len(good) - 1, len(good) - 1024, *headers, *(chance.randrange(len(good)) for _ in range(300))}
    bad = tmp_path / "bad.tar"
    for at in sorted(places):
        bad.write_bytes(good[:at] + bytes([good[at] ^ 1 << at % 8]) + good[at + 1 :])
        with pytest.raises(OoderError):
            read_bundle(bad, 2e9)
    for cut in (0, 1, 600, len(good) // 2, len(good) - 1):
        bad.write_bytes(good[:cut])
        with pytest.raises(OoderError):
            read_bundle(bad, 2e9)
    bad.write_bytes(good + b"\0")
    with pytest.raises(OoderError):
        read_bundle(bad, 2e9)


def test_export_of_what_is_not_there_and_of_what_drifted(
    ooder: Ooder, exported: tuple[Path, str], tmp_path: Path
) -> None:
    assert ooder("export", "scene:nothing")[0] == 3
    file = next((tmp_path / "home" / "store-v1").rglob("server.py"))
    os.chmod(file, 0o600)
    file.write_bytes(file.read_bytes() + b"#")
    code, _, err = ooder("export", "scene:meeting-minutes", "-o", str(tmp_path / "drift.tar"))
    assert code == 8 and "store.drift" in err and not (tmp_path / "drift.tar").exists()
    assert not list(tmp_path.glob(".ooder-export-*"))
    assert ooder("import", str(tmp_path / "none.tar"))[0] == 3
