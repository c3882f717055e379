"""Unpacking: what every form gives, and every attack by its name."""

from __future__ import annotations

import gzip
import io
import os
import stat
import struct
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from node.install.files import Files
from node.install.store import Store
from node.install.unpack import PackedFile, Unpacked, copy_folder, unpack_archive, unpack_files
from protocol import limits
from protocol.digest import TreeFile, file_sha256, tree_digest
from protocol.errors import DataError
from tests.node.install.packages import tar_bytes, zip_bytes

CONTENT = {"SKILL.md": b"# hello\n", "scripts/run.sh": b"echo\n", "数据/表.txt": "表".encode()}
RUN = frozenset({"scripts/run.sh"})
DIGEST = tree_digest(TreeFile(n, n in RUN, len(d), file_sha256(d)) for n, d in CONTENT.items())


def unpack(folder: Path, data: bytes, name: str = "x.zip", *, unwrap: bool = True) -> Unpacked:
    with Files().open(folder) as into:
        return unpack_archive(io.BytesIO(data), name, into, unwrap=unwrap)


def refusal(folder: Path, data: bytes, name: str = "x.zip") -> str:
    with pytest.raises(DataError) as caught:
        unpack(folder, data, name)
    return caught.value.code


# --- What is accepted -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.zip", zip_bytes(CONTENT, RUN)),
        ("a.skill", zip_bytes(CONTENT, RUN)),
        ("a.skill.tar.gz", tar_bytes(CONTENT, RUN)),
        ("a.tar.gz", tar_bytes(CONTENT, RUN, tarfile.GNU_FORMAT)),
        ("a.tgz", tar_bytes(CONTENT, RUN, tarfile.USTAR_FORMAT)),
        ("wrapped.skill", zip_bytes({f"top/{n}": d for n, d in CONTENT.items()}, frozenset({"top/scripts/run.sh"}))),
        ("dotted.tar.gz", tar_bytes({f"./{n}": d for n, d in CONTENT.items()}, frozenset({"./scripts/run.sh"}))),
        (
            "two.tar.gz",
            gzip.compress(gzip.decompress(tar_bytes(CONTENT, RUN))[:700])
            + gzip.compress(gzip.decompress(tar_bytes(CONTENT, RUN))[700:]),
        ),
    ],
)
def test_every_form_gives_the_same_tree(name: str, data: bytes, tmp_path: Path) -> None:
    done = unpack(tmp_path, data, name)
    assert done.digest == DIGEST
    assert [f.path for f in done.files] == sorted(CONTENT)
    assert {n: (tmp_path / "tree" / n).read_bytes() for n in CONTENT} == CONTENT
    assert stat.S_IMODE((tmp_path / "tree/scripts/run.sh").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "tree/SKILL.md").stat().st_mode) == 0o600


def test_files_and_folders_give_the_same_tree(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with Files().open(tmp_path / "a") as into:
        assert unpack_files((PackedFile(n, n in RUN, d) for n, d in CONTENT.items()), into).digest == DIGEST
    (tmp_path / "b").mkdir()
    with Files().open(tmp_path / "a/tree") as source, Files().open(tmp_path / "b") as into:
        assert copy_folder(source, into).digest == DIGEST


def test_a_jar_stays_whole(tmp_path: Path) -> None:
    data = zip_bytes({"../../evil": b"x"})
    done = unpack(tmp_path, data, "skill.jar")
    assert [(f.path, f.size) for f in done.files] == [("skill.jar", len(data))]


def test_long_names_of_both_tar_dialects(tmp_path: Path) -> None:
    name = "/".join(["folder-" + "x" * 60] * 4) + "/SKILL.md"
    for number, layout in enumerate((tarfile.PAX_FORMAT, tarfile.GNU_FORMAT)):
        (tmp_path / str(number)).mkdir()
        done = unpack(tmp_path / str(number), tar_bytes({name: b"x", "b": b"y"}, layout=layout), "x.tar.gz")
        assert {f.path for f in done.files} == {name, "b"}


# --- Attacks --------------------------------------------------------------------------------------------------------
NAMES = {
    "../evil": "unpack.traversal",
    "a/../../evil": "unpack.traversal",
    "a/./b": "unpack.traversal",
    "/etc/passwd": "unpack.absolute",
    "a//b": "unpack.name_empty",
    "C:/evil": "unpack.bad_character",
    "a\\..\\evil": "unpack.bad_character",
    "a\nb": "unpack.bad_character",
    "a\u202eb": "unpack.bad_character",
    "a\u200db": "unpack.bad_character",
    "what?": "unpack.bad_character",
    "a\ue000": "unpack.bad_character",
    "e\u0301": "unpack.not_nfc",
    "NUL": "unpack.reserved_name",
    "com1.txt": "unpack.reserved_name",
    "x/aux.md": "unpack.reserved_name",
    "name.": "unpack.trailing_dot",
    "name ": "unpack.trailing_dot",
    ".git/config": "unpack.git_name",
    "a/.GIT/hooks/x": "unpack.git_name",
    "git~1/config": "unpack.git_name",
    "\u2024git/config": "unpack.git_name",
    ".g\u0131t".replace("\u0131", "\uff49"): "unpack.git_name",
    "x" * 121: "unpack.name_too_long",
    "/".join(["d"] * 14) + "/f": "unpack.too_deep",
}


@pytest.mark.parametrize("form", ["zip", "tar", "files"])
@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_names_that_are_refused(name: str, form: str, tmp_path: Path) -> None:
    outside = tmp_path / "evil"
    (tmp_path / "a/b").mkdir(parents=True)
    content = {"ok": b"fine", name: b"evil"}
    if form == "files":
        with pytest.raises(DataError) as caught, Files().open(tmp_path / "a/b") as into:
            unpack_files([PackedFile(n, False, d) for n, d in content.items()], into)
        code = caught.value.code
    elif form == "zip":
        code = refusal(tmp_path / "a/b", zip_bytes(content))
    else:
        code = refusal(tmp_path / "a/b", tar_bytes(content), "x.tar.gz")
    assert code == NAMES[name]
    assert not outside.exists()
    assert sorted(os.listdir(tmp_path / "a")) == ["b"]


@pytest.mark.parametrize(
    "pair",
    [
        ("README", "readme"),
        ("a/x", "A/y"),
        ("ﬁle", "file"),
        ("straße", "STRASSE"),
        ("é", "É"),
        ("a", "a/b"),
        ("a/b", "a"),
        ("x", "x"),
        ("Å", "å"),
    ],
    ids=ascii,
)
@pytest.mark.parametrize("form", ["x.zip", "x.tar.gz"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_names_for_one_file(pair: tuple[str, str], form: str, tmp_path: Path) -> None:
    out = io.BytesIO()
    if form == "x.zip":
        with zipfile.ZipFile(out, "w") as archive:
            for name in pair:
                archive.writestr(name, b"x")
        data = out.getvalue()
    else:
        with tarfile.open(fileobj=out, mode="w:gz") as tar:
            for name in pair:
                info = tarfile.TarInfo(name)
                tar.addfile(info, io.BytesIO())
        data = out.getvalue()
    assert refusal(tmp_path, data, form) == "unpack.collision"


def tar_entry(**fields: object) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("ok"))
        info = tarfile.TarInfo("evil")
        for key, value in fields.items():
            setattr(info, key, value)
        archive.addfile(info)
    return out.getvalue()


TARS: dict[str, tuple[Callable[[], bytes], str]] = {
    "symbolic link": (lambda: tar_entry(type=tarfile.SYMTYPE, linkname="/etc/passwd"), "unpack.link"),
    "hard link": (lambda: tar_entry(type=tarfile.LNKTYPE, linkname="ok"), "unpack.link"),
    "long link": (lambda: tar_entry(type=tarfile.SYMTYPE, linkname="x" * 300), "unpack.link"),
    "character device": (lambda: tar_entry(type=tarfile.CHRTYPE), "unpack.special"),
    "block device": (lambda: tar_entry(type=tarfile.BLKTYPE), "unpack.special"),
    "pipe": (lambda: tar_entry(type=tarfile.FIFOTYPE), "unpack.special"),
    "contiguous": (lambda: tar_entry(type=tarfile.CONTTYPE), "unpack.special"),
    "sparse": (lambda: tar_entry(pax_headers={"GNU.sparse.major": "1"}), "unpack.special"),
    "unknown type": (lambda: tar_entry(type=b"Z"), "unpack.special"),
    "setuid": (lambda: tar_entry(mode=0o4755), "unpack.setuid"),
    "setgid": (lambda: tar_entry(mode=0o2755), "unpack.setuid"),
    "folder only": (lambda: tar_entry(type=tarfile.DIRTYPE, name="ok/x"), "unpack.collision"),
    "empty": (lambda: tar_bytes({}), "unpack.empty"),
    "cut": (lambda: tar_bytes(CONTENT)[:-20], "unpack.truncated"),
    "cut inside": (lambda: gzip.compress(gzip.decompress(tar_bytes(CONTENT))[:600]), "unpack.truncated"),
    "no gzip": (lambda: b"\x1f\x8b" + b"junk" * 20, "unpack.corrupt"),
    "bytes after the end": (lambda: gzip.compress(gzip.decompress(tar_bytes(CONTENT)) + b"evil"), "unpack.corrupt"),
    "damaged header": (lambda: gzip.compress(b"A" + gzip.decompress(tar_bytes(CONTENT))[1:]), "unpack.corrupt"),
    "bomb": (lambda: tar_bytes({f"f{n}": bytes(8 * limits.MIB) for n in range(3)}), "unpack.ratio"),
    "huge file": (lambda: tar_bytes({"f": os.urandom(limits.MIB) * 17}), "unpack.file_too_large"),
    "too many": (lambda: tar_bytes({f"f{n}": b"" for n in range(limits.ITEM_FILES + 1)}), "unpack.too_many_files"),
}


@pytest.mark.parametrize("name", TARS)
def test_tar_attacks(name: str, tmp_path: Path) -> None:
    make, code = TARS[name]
    assert refusal(tmp_path, make(), "x.tar.gz") == code


def patched(data: bytes, at: bytes, offset: int, value: bytes, *, last: bool = False) -> bytes:
    place = (data.rindex(at) if last else data.index(at)) + offset
    return data[:place] + value + data[place + len(value) :]


def zip_mode(mode: int, name: str = "evil") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.create_system = 3
        info.external_attr = mode << 16
        archive.writestr(info, b"/etc/passwd")
    return out.getvalue()


def _quine_overlap() -> bytes:
    """Two directory entries that share one local file (the kernel of the "better zip bomb")."""
    data = zip_bytes({"a": b"x" * 99})
    start = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    entry = data[start:end]
    total = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 2, 2, 2 * len(entry), start, 0)
    return data[:start] + entry * 2 + total


CENTRAL, LOCAL, END = b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"
BASE = zip_bytes({"a": b"x" * 99})
ZIPS: dict[str, tuple[Callable[[], bytes], str]] = {
    "symbolic link": (lambda: zip_mode(stat.S_IFLNK | 0o777), "unpack.link"),
    "device": (lambda: zip_mode(stat.S_IFCHR | 0o600), "unpack.special"),
    "pipe": (lambda: zip_mode(stat.S_IFIFO | 0o600), "unpack.special"),
    "setuid": (lambda: zip_mode(stat.S_IFREG | 0o4755), "unpack.setuid"),
    "folder that is a file": (lambda: zip_mode(stat.S_IFDIR | 0o755), "unpack.ambiguous"),
    "file that is a folder": (lambda: zip_mode(stat.S_IFREG | 0o644, "evil/"), "unpack.ambiguous"),
    "encrypted": (lambda: patched(BASE, CENTRAL, 8, b"\x01\x00"), "unpack.encrypted"),
    "other method": (lambda: patched(BASE, CENTRAL, 10, b"\x0c\x00"), "unpack.method"),
    "local name differs": (lambda: patched(BASE, LOCAL, 30, b"b"), "unpack.ambiguous"),
    "local size differs": (lambda: patched(BASE, LOCAL, 22, b"\x01\x00\x00\x00"), "unpack.ambiguous"),
    "declared too small": (
        lambda: patched(patched(BASE, LOCAL, 22, b"\x05\0\0\0"), CENTRAL, 24, b"\x05\0\0\0"),
        "unpack.size_lies",
    ),
    "declared too large": (
        lambda: patched(patched(BASE, LOCAL, 22, b"\xff\0\0\0"), CENTRAL, 24, b"\xff\0\0\0"),
        "unpack.size_lies",
    ),
    "wrong checksum": (
        lambda: patched(patched(BASE, LOCAL, 14, b"\1\2\3\4"), CENTRAL, 16, b"\1\2\3\4"),
        "unpack.corrupt",
    ),
    "overlap": (_quine_overlap, "unpack.overlap"),
    "empty": (lambda: zip_bytes({}), "unpack.empty"),
    "cut": (lambda: BASE[:-5], "unpack.truncated"),
    "bytes before": (lambda: b"PK\x03\x04" + b"#!/bin/sh" + BASE, "unpack.corrupt"),
    "bytes after": (lambda: BASE + b"evil", "unpack.corrupt"),
    "hidden entry": (lambda: patched(BASE, END, 8, b"\0\0\0\0"), "unpack.corrupt"),
    "bomb": (lambda: zip_bytes({f"f{n}": bytes(8 * limits.MIB) for n in range(3)}), "unpack.ratio"),
    "huge file": (lambda: zip_bytes({"f": bytes(17 * limits.MIB)}), "unpack.file_too_large"),
    "too many": (lambda: zip_bytes({f"f{n}": b"" for n in range(limits.ITEM_FILES + 1)}), "unpack.too_many_files"),
    "far too many": (
        lambda: zip_bytes({f"f{n}": b"" for n in range(limits.PACKAGE_MEMBERS + 1)}),
        "unpack.too_many_files",
    ),
    "no form": (lambda: b"hello world", "unpack.unknown_form"),
}


@pytest.mark.parametrize("name", ZIPS)
def test_zip_attacks(name: str, tmp_path: Path) -> None:
    make, code = ZIPS[name]
    assert refusal(tmp_path, make()) == code


def test_a_bomb_costs_little_memory(tmp_path: Path) -> None:
    bomb = zip_bytes({"f": bytes(15 * limits.MIB)})
    tracemalloc.start()
    refusal(tmp_path, bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * limits.MIB


def test_unicode_path_field_may_not_rename(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo("good")
        info.extra = struct.pack("<2HBL", 0x7075, 5 + 4, 1, zlib.crc32(b"good")) + b"evil"
        archive.writestr(info, b"x")
    assert refusal(tmp_path, out.getvalue()) == "unpack.ambiguous"


def test_a_folder_is_copied_without_its_links(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "sub/a.txt").write_text("a")
    (source / "link").symlink_to("/etc")
    (source / "sub/up").symlink_to("..")
    os.mkfifo(source / "pipe")
    with Store(tmp_path / "home").stage() as stage:
        done = stage.folder(source)
    assert [f.path for f in done.files] == ["sub/a.txt"]
    assert done.ignored == ("link", "pipe", "sub/up")


def test_a_failed_unpack_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.stage() as stage:
        with pytest.raises(DataError):
            stage.archive(io.BytesIO(zip_bytes({"ok": b"x", "../evil": b"y"})), "x.zip")
        assert stage.trees == {}
    assert not list((tmp_path / "store-v1/staging").iterdir())


def test_refusals_name_the_member_escaped(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        unpack(tmp_path, zip_bytes({"\x1b[31mred": b"x"}))
    assert "\x1b" not in str(caught.value)
    assert "\\x1b[31mred" in str(caught.value)
    assert caught.value.next_step()
    assert caught.value.text("zh")
