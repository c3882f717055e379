"""Reading manifests: our YAML reader beside PyYAML's CSafeLoader on the same files, and whole files into items.

The files are the real ones beside the checkout where there are any, else the samples of the tests. CSafeLoader types every value
and knows no limits; it is the fastest that plain Python offers.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from bench import Row
from protocol.errors import DataError
from protocol.manifests import is_manifest, read_manifest
from protocol.manifests.yaml_text import read_yaml

ROOT = Path(__file__).resolve().parent.parent
CORPUS = Path(os.environ.get("OODER_CORPUS") or ROOT.parent / "shared" / "corpus")
SAMPLES = ROOT / "tests" / "samples" / "manifests"
ROUNDS = 9


def run() -> list[Row]:
    files = _files(CORPUS if CORPUS.is_dir() else SAMPLES)
    documents = [data for path, data in files if path.endswith((".yaml", ".yml")) and _readable(data)]
    ours = _best(lambda: [read_yaml(data) for data in documents])
    theirs = _best(lambda: [yaml.load(data, yaml.CSafeLoader) for data in documents])
    whole = _best(lambda: [read_manifest(path, data) for path, data in files])
    return [
        Row(
            "YAML reader",
            len(documents) / ours,
            "files/s",
            ">= 1.5 x CSafeLoader",
            len(documents) / theirs,
            "CSafeLoader",
        ),
        Row("YAML reader against CSafeLoader", theirs / ours, "x", ">= 1.5"),
        Row("read_manifest, broken files included", len(files) / whole, "files/s", ">= 2,000 with the index"),
    ]


def _files(root: Path) -> list[tuple[str, bytes]]:
    found = ((path.relative_to(root).as_posix(), path) for path in sorted(root.rglob("*")) if path.is_file())
    return [(name, path.read_bytes()) for name, path in found if is_manifest(name)]


def _readable(data: bytes) -> bool:
    """By both, so that both do the same work."""
    try:
        read_yaml(data)
        yaml.load(data, yaml.CSafeLoader)
    except (DataError, yaml.YAMLError):
        return False
    return True


def _best(work: Callable[[], object]) -> float:
    """Processor seconds of the quickest of several rounds."""
    times = []
    for _ in range(ROUNDS):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


if __name__ == "__main__":
    for row in run():
        print(row)
