"""Cold processes and the whole path: `ooder version`, a first answer, an idle node, and folders of manifests into the index.

Times of processes are their processor time (user and system): what the wall shows on an idle machine, and what stays true on a
busy one. The yardstick of each start is a Python that starts and does nothing.
"""

from __future__ import annotations

import asyncio
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import Row
from bench.manifests import CORPUS, SAMPLES
from bench.search import ITEMS, filled
from bench.search_corpus import LIFE
from node.config import load
from node.paths import Paths
from node.service import Service
from protocol.manifests import is_manifest

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 7
FILES = 3_000
_IDLE_SECONDS = 5.0


def run() -> list[Row]:
    """All figures, in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="ooder-bench-start-"))
    try:
        return [*_starts(folder), *_whole_path(folder), *_idle(folder)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# --- Cold processes -------------------------------------------------------------------------------------------------
def _starts(folder: Path) -> list[Row]:
    bare = _seconds(folder, ["-c", "pass"])
    word = LIFE.questions(ITEMS)[1].split()[0]
    version = _seconds(folder, ["-m", "node", "version"])
    rows = [Row("ooder version", version, "s", "<= 0.15", bare, "python -c pass")]
    for items, what, aim in ((10_000, "ooder search", "<= 0.4"), (ITEMS, "ooder search, first answer", "<= 1")):
        home = folder / f"home-{items}"
        home.mkdir()
        shutil.copyfile(filled(LIFE, items), home / "index.db")
        asked = _seconds(home, ["-m", "node", "search", word])
        rows.append(Row(f"{what}, {items:,} items", asked, "s", aim, bare, "python -c pass"))
        shutil.rmtree(home)
    return rows


def _seconds(home: Path, arguments: list[str]) -> float:
    """Processor seconds of the quickest of several runs."""
    environment = {**os.environ, "OODER_HOME": str(home), "HOME": str(home), "PYTHONPATH": str(ROOT)}
    found = []
    for _ in range(ROUNDS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], env=environment, cwd=home, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(found)


# --- The whole path -------------------------------------------------------------------------------------------------
class _WithoutCacheTree(Service):
    """Ends at the index."""

    def write_cache(self) -> int:
        return 0


def _whole_path(folder: Path) -> list[Row]:
    """Scan a folder of manifests like the real ones; processor time of all threads of this process."""
    root = folder / "manifests"
    count, size = _write_manifests(root)
    paths = Paths(folder / "scanned")
    paths.ensure()
    paths.config.write_text(f"sources: {{local_fs: {{folders: [{root}], agent_folders: false}}}}\n", "utf-8")
    service = _WithoutCacheTree(paths, load(paths))
    plain = _processor(lambda: [path.read_bytes() for path in root.rglob("*") if path.is_file()])
    scan = _processor(lambda: asyncio.run(service.scan(lambda _: None, ["local_fs"])))
    again = _processor(lambda: asyncio.run(service.scan(lambda _: None, ["local_fs"])))
    tree = _processor(lambda: Service.write_cache(service))
    shown = sum(service.index.counts().kinds.values())
    service.close()
    return [
        Row(
            f"files of {size // count:,} bytes from a folder into the index", count / scan, "files/s", ">= 2,000",
            count / plain, "reading the bytes alone",
        ),
        Row("the same, looked at again unchanged", count / again, "files/s", ">= 20,000"),
        Row(f"cache tree of these {shown:,} items, written", tree / max(1, shown) * 1e6, "us each"),
    ]  # fmt: skip


def _write_manifests(root: Path) -> tuple[int, int]:
    """Copies of real manifests, each under an id and in a folder of its own."""
    models = []
    for path in sorted((CORPUS if CORPUS.is_dir() else SAMPLES).rglob("*")):
        if (
            path.is_file()
            and path.name in ("skill.yaml", "SKILL.md", "scene.yaml", "cap.yaml")
            and is_manifest(path.name)
        ):
            text = path.read_bytes().decode("utf-8", "replace")
            found = re.search(r"^\s*(?:id|name):\s*['\"]?([a-z0-9-]{4,})['\"]?\s*$", text, re.M)
            if found:
                models.append((path.name, text, found[1]))
    size = 0
    for number in range(FILES):
        name, text, own = models[number % len(models)]
        target = root / f"group-{number % 40}" / f"{own}-{number}" / name
        target.parent.mkdir(parents=True)
        data = text.replace(own, f"{own}-{number}").encode()
        target.write_bytes(data)
        size += len(data)
    return FILES, size


def _processor(work: object) -> float:
    start = time.process_time()
    work()  # type: ignore[operator]
    return time.process_time() - start


# --- Memory ---------------------------------------------------------------------------------------------------------
def _idle(folder: Path) -> list[Row]:
    """What a node with local_fs and git_repository holds after it has looked once."""
    bare = _resident([sys.executable, "-c", "import time; time.sleep(60)"], dict(os.environ), 0.5)
    home = folder / "idle"
    environment = {**os.environ, "OODER_HOME": str(home), "HOME": str(folder), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "node", "--scope", "company", "serve"]
    held = _resident(command, environment, _IDLE_SECONDS)
    return [Row("idle node, local_fs and git_repository, resident", held, "MB", "< 60", bare, "python that sleeps")]


def _resident(command: list[str], environment: dict[str, str], after: float) -> float:
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(after)
        status = Path(f"/proc/{process.pid}/status").read_text("ascii")
        return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1000
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)


if __name__ == "__main__":
    for row in run():
        print(row)
