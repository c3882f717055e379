"""The node's own key: made once, kept private, refused when it is not."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import pytest

from node.keys import node_key, read_key
from node.paths import Paths
from protocol.errors import StorageError


def _principal(home: str) -> str:
    return node_key(Paths(Path(home))).public.principal


def test_it_is_made_once_and_private(tmp_path: Path) -> None:
    paths = Paths(tmp_path / "home")
    assert read_key(paths) is None
    first = node_key(paths)
    assert node_key(paths).public == first.public and read_key(paths) is not None
    assert paths.node_key.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in paths.home.iterdir()] == ["node.key"]


def test_eight_processes_get_one_key(tmp_path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(8) as pool:
        assert len(set(pool.map(_principal, [str(tmp_path / "home")] * 16))) == 1


@pytest.mark.parametrize(
    "content", [b"", b"ooder-node-key-1 \n", b"ooder-node-key-1 " + b"!" * 44 + b"\n", b"x" * 5000]
)
def test_damage_is_named_and_never_overwritten(tmp_path: Path, content: bytes) -> None:
    paths = Paths(tmp_path)
    paths.node_key.write_bytes(content)
    paths.node_key.chmod(0o600)
    with pytest.raises(StorageError) as caught:
        node_key(paths)
    assert caught.value.code == "key.file_damaged" and paths.node_key.read_bytes() == content


def test_a_key_that_others_can_read_or_steer_is_refused(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    node_key(paths)
    paths.node_key.chmod(0o640)
    with pytest.raises(StorageError) as caught:
        node_key(paths)
    assert caught.value.code == "key.file_open"
    paths.node_key.rename(tmp_path / "elsewhere")
    os.symlink("elsewhere", paths.node_key)
    with pytest.raises(StorageError):
        node_key(paths)
