"""Git: first look at a repository with 200 manifests, beside the same two git commands by hand; unchanged, beside `ls-remote`.

"By hand" is `git clone --bare --depth=1 --filter=blob:none` and one `git fetch --stdin` of the wanted blobs, without any
hardening. Ours asks for the tip first, lists the tree, checks objects, and (second figure) also reads every manifest.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from time import perf_counter

from bench import Row
from node.io.clock import SystemClock
from node.io.git import GitMirrors
from protocol import limits
from protocol.git_rules import SCHEMES, parse_url
from protocol.manifests import is_manifest
from protocol.query import Query
from sources.git_repository import Config, make
from sources.ports import Context, GitBounds
from tests.fakes.git_daemon import git_daemon
from tests.fakes.git_repository import MadeRepository
from tests.fakes.heard import Heard

MANIFESTS = 200
ROUNDS = 9


def run() -> list[Row]:
    """All figures, in milliseconds: the best of several rounds, because whatever disturbs only adds."""
    folder = Path(tempfile.mkdtemp(prefix="ooder-bench-git-"))
    try:
        repository = _repository(folder / "repo")
        with git_daemon(folder) as address:
            return [*_rows(folder, repository.url, "file://"), *_rows(folder, f"{address}/repo", "git://")]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _repository(path: Path) -> MadeRepository:
    random = Random(1)
    repository = MadeRepository(path)
    files: dict[str, str | bytes] = {}
    for number in range(MANIFESTS):
        words = "\n".join(f"    - {random.getrandbits(64):x}" for _ in range(60))
        head = f"id: skill-{number}\nname: Skill {number}\nversion: 1.{number}.0\ndescription: 技能 {number}\n"
        files[f"skills/group-{number % 9}/skill-{number}/skill.yaml"] = f"{head}spec:\n  notes:\n{words}\n"
        files[f"skills/group-{number % 9}/skill-{number}/src/main.bin"] = random.randbytes(20_000)
    for step in range(5):
        repository.commit({**files, "CHANGES": str(step)})
    repository.git("repack", "-adq")
    return repository


def _rows(folder: Path, url: str, how: str) -> list[Row]:
    tree = asyncio.run(_tree(folder, url))
    wanted = "".join(f"{file.oid}\n" for path, file in tree.files.items() if is_manifest(path)).encode()
    by_hand, bare, whole, unchanged, asked = ([] for _ in range(5))
    for _ in range(ROUNDS):
        by_hand.append(_timed(lambda: _by_hand(folder, url, wanted)))
        bare.append(_timed(lambda: asyncio.run(_first(folder, url))))
        first, again = asyncio.run(_provider(folder, url))
        whole.append(first)
        unchanged.append(again)
        asked.append(_timed(lambda: _git("ls-remote", "--symref", url, "HEAD")))
    hand, remote = min(by_hand), min(asked)
    name = f"{MANIFESTS} manifests over {how}"
    return [
        Row(f"first fetch, {name}", min(bare), "ms", f"<= {1.3 * hand:.0f}", hand, "two git commands by hand"),
        Row(f"first look, {name}, read too", min(whole), "ms", "", hand, "two git commands by hand"),
        Row(f"unchanged, {name}", min(unchanged), "ms", f"<= {remote + 100:.0f}", remote, "git ls-remote"),
    ]


def _timed(work: Callable[[], object]) -> float:
    start = perf_counter()
    work()
    return (perf_counter() - start) * 1_000


def _git(*args: str, data: bytes = b"") -> None:
    environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", *args], input=data, env=environment, check=True, capture_output=True)


def _by_hand(folder: Path, url: str, wanted: bytes) -> None:
    mirror = folder / "by-hand.git"
    shutil.rmtree(mirror, ignore_errors=True)
    _git(
        "clone",
        "-q",
        "--bare",
        "--no-tags",
        "--single-branch",
        "--depth=1",
        "--filter=blob:none",
        "--",
        url,
        str(mirror),
    )
    plain = (
        "-c",
        "fetch.negotiationAlgorithm=noop",
        f"--git-dir={mirror}",
        "fetch",
        "-q",
        "--no-tags",
        "--no-write-fetch-head",
    )
    _git(*plain, "--recurse-submodules=no", "--filter=blob:none", "--stdin", "origin", data=wanted)


async def _tree(folder: Path, url: str):  # type: ignore[no-untyped-def]
    mirrors = GitMirrors(folder / "look")
    address = parse_url(url, SCHEMES)
    tip = await mirrors.tip(address, "")
    assert tip
    return await mirrors.tree(address, tip)


async def _first(folder: Path, url: str) -> None:
    """Everything up to having the bytes of all manifests."""
    shutil.rmtree(folder / "ours", ignore_errors=True)
    mirrors, address = GitMirrors(folder / "ours"), parse_url(url, SCHEMES)
    tip = await mirrors.tip(address, "")
    assert tip
    tree = await mirrors.tree(address, tip)
    oids = [file.oid for path, file in tree.files.items() if is_manifest(path)]
    assert len(await mirrors.blobs(address, tip.commit, oids, limits.MANIFEST_BYTES)) == MANIFESTS


class _Ports:
    def __init__(self, context: Context) -> None:
        self.context = context

    def git(self, bounds: GitBounds) -> GitMirrors:
        return GitMirrors(self.context.home, bounds)


async def _provider(folder: Path, url: str) -> tuple[float, float]:
    """A first and a second look of the source itself."""
    shutil.rmtree(folder / "source", ignore_errors=True)
    heard = Heard()
    context = Context(SystemClock(), heard, folder / "source", Random(1))
    provider = make(Config.model_validate({"repositories": [{"url": url}], "allow": ["file", "git"]}), _Ports(context))
    start = perf_counter()
    await provider.search(Query(), heard)
    middle = perf_counter()
    await provider.search(Query(), heard)
    assert len(heard.sightings()) == MANIFESTS
    return (middle - start) * 1_000, (perf_counter() - middle) * 1_000
