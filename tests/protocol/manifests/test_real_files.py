"""Real files and broken copies of them: nothing raises, everything unreadable has a line and a reason."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from protocol.item_json import decode_sighting, encode_sighting, read_json, write_json
from protocol.items import Channel, Evidence
from protocol.manifests import is_manifest, read_manifest
from protocol.manifests.collection import sightings_of
from protocol.messages import render

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = ROOT / "tests" / "samples" / "manifests"
CORPUS = Path(os.environ.get("OODER_CORPUS") or ROOT.parent / "shared" / "corpus")
TOKENS = [b'"', b"'", b": ", b"- ", b"\n", b"  ", b"{", b"}", b"[", b"]", b"&a ", b"*a", b"!!", b"<<", b"? ", b"|", b">", b"\t", b"\xff", b"\0",
          b"#", b"%", b"---\n", b"...\n", b"null", b"\xef\xbb\xbf", b"\xe4\xb8", b"spec:", b"id: ", b"dependencies: ", b"kind: Scene\n",
          b"kind: SkillIndex\n", b"kind: CapabilityRegistry\n", b"\xe2\x80\xae", b"..", b"/"]  # fmt: skip
PLACES = [
    "scenes/x.yaml",
    "a/cap.yaml",
    "skill-index/skills/a.yaml",
    "a/scene.yaml",
    "capability-registry.yaml",
    "a/skill-index-entry.yaml",
    "a/SKILL.md",
]


def files(root: Path) -> list[tuple[str, bytes]]:
    found = (path for path in sorted(root.rglob("*")) if path.is_file())
    return [
        (path.relative_to(root).as_posix(), path.read_bytes())
        for path in found
        if is_manifest(path.relative_to(root).as_posix())
    ]


def check(path: str, data: bytes) -> None:
    """Read one file, carry what it says through JSON and back, and hold its problems to what people need."""
    reading = read_manifest(path, data)
    for problem in reading.problems:
        assert render(problem.code, problem.params, "zh").text and render(problem.code, problem.params, "en").text
        if problem.fatal:
            assert problem.params["reason"], problem
    for sighting in sightings_of(
        reading,
        source="local_fs",
        origin="o",
        place=path,
        location=str,
        principal="local:1",
        evidence=Evidence(Channel.OWN_FILES),
        at=1.0,
    ):
        assert decode_sighting(read_json(write_json(encode_sighting(sighting)))).item.ref == sighting.item.ref


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the folder of real files is not beside the checkout")
def test_every_real_file_is_read_or_named_with_line_and_reason() -> None:
    items = listings = unreadable = void = repaired = 0
    for path, data in files(CORPUS):
        check(path, data)
        reading = read_manifest(path, data)
        items, listings = items + len(reading.items), listings + len(reading.listings)
        for problem in reading.problems:
            void += problem.code == "manifest.void"
            repaired += problem.code == "manifest.repaired"
            if problem.fatal:
                assert problem.line > 0 and problem.params["reason"]
                unreadable += problem.code != "manifest.void"
    assert items >= 70 and listings >= 60 and void >= 9 and repaired >= 12
    assert unreadable <= 4


def mutant(chance: random.Random, data: bytes) -> bytes:
    """`data` with one to sixteen random injuries."""
    made = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        at, kind = chance.randrange(len(made) + 1), chance.randrange(5)
        if kind == 0:
            del made[at : at + chance.randrange(40)]
        elif kind == 1:
            made[at:at] = chance.choice(TOKENS) * chance.choice((1, 1, 1, 3, 50))
        elif kind == 2 and at < len(made):
            made[at] = chance.randrange(256)
        elif kind == 3:
            start = chance.randrange(len(made) + 1)
            made[at:at] = made[start : start + chance.randrange(200)]
        else:
            lines = bytes(made).split(b"\n")
            lines.insert(chance.randrange(len(lines)), chance.choice(lines))
            made = bytearray(b"\n".join(lines))
    return bytes(made)


def injure(seed: int, rounds: int) -> float:
    """Read `rounds` mutants; the processor seconds of the slowest."""
    chance = random.Random(seed)
    originals = files(SAMPLES) + (files(CORPUS) if CORPUS.is_dir() and rounds > 5_000 else [])
    slowest = 0.0
    for _ in range(rounds):
        path, data = chance.choice(originals)
        data = mutant(chance, data)
        if chance.random() < 0.3:
            path = chance.choice(PLACES)
            data = b"---\n" + data + b"\n---\n" if path.endswith(".md") else data
        started = time.process_time()
        try:
            check(path, data)
        except Exception:
            print(path, data)
            raise
        slowest = max(slowest, time.process_time() - started)
    return slowest


def test_two_thousand_broken_copies() -> None:
    assert injure(1, 2_000) < 0.5


@pytest.mark.exhaustive
def test_forty_thousand_broken_copies() -> None:
    assert injure(2, 40_000) < 0.5
