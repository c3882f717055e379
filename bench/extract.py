"""Hashing and extracting, beside `sha256sum` and `tar x` on the same bytes.

`python -m bench.extract`. Yardstick: at least 70 % of the speed of `tar xzf` followed by `sha256sum` of every extracted file.
"""

from __future__ import annotations

import io
import os
import random
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench import Row
from node.install.files import Files
from node.install.unpack import unpack_archive


def _archive(path: Path, files: int, size: int) -> int:
    """A .tar.gz of text that compresses to about a third; its unpacked bytes."""
    words = [os.urandom(4).hex() for _ in range(4_000)]
    source = random.Random(1)
    with tarfile.open(path, "w:gz", compresslevel=6) as archive:
        for number in range(files):
            data = " ".join(source.choices(words, k=size // 9 + 1)).encode()[:size]
            info = tarfile.TarInfo(f"skill/part{number % 20}/file{number}.md")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return files * size


def _best(act: Callable[[Path], None], folder: Path) -> float:
    times = []
    for turn in range(5):
        target = folder / f"out{turn}"
        target.mkdir()
        began = time.perf_counter()
        act(target)
        times.append(time.perf_counter() - began)
        shutil.rmtree(target)
    return min(times)


def ours(path: Path, target: Path) -> None:
    """Unpack and hash as an install does."""
    with Files().open(target) as into, path.open("rb") as file:
        unpack_archive(file, path.name, into, unwrap=False)


def theirs(path: Path, target: Path) -> None:
    """The same bytes by the tools of the system."""
    subprocess.run(["tar", "xzf", path, "-C", target], check=True)
    subprocess.run(f"find {target} -type f -print0 | xargs -0 sha256sum > /dev/null", shell=True, check=True)


def run() -> list[Row]:
    """Many small, some middle and few large files."""
    rows = []
    for files, size in ((2_000, 16_000), (200, 200_000), (4, 12_000_000)):
        with tempfile.TemporaryDirectory(prefix="ooder-bench-") as place:
            folder = Path(place)
            path = folder / "x.tar.gz"
            total = _archive(path, files, size) / 1e6
            speed = total / _best(partial(ours, path), folder)
            yardstick = total / _best(partial(theirs, path), folder)
            what = f"extract and hash {files} files x {size:,} B"
            rows.append(Row(what, speed, "MB/s", ">= 70 % of it", yardstick, "tar x + sha256sum"))
    return rows


if __name__ == "__main__":
    for row in run():
        print(row)
