"""`make demo`: the main job on the catalogue this project ships, once as a folder and once as a git repository.

Every chapter is a title and the commands a person would type; they are really run, in a home of their own below `.demo/`,
and nothing leaves this machine. A chapter that fails ends the demo with its exit code.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from scenarios.demo_center import play_center
from scenarios.demo_dht import play_strangers
from scenarios.demo_lan import play_neighbours

MINUTES = "scene:meeting-minutes"
CATALOGUE = Path(__file__).resolve().parent / "catalogue"


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the demo plays: `home` is the node's, `folder` and `repository` hold the same catalogue."""

    root: Path

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def folder(self) -> Path:
        return self.root / "qinghe-catalogue"

    @property
    def repository(self) -> Path:
        return self.root / "qinghe-catalogue.git"

    @property
    def bundle(self) -> Path:
        return self.root / "meeting-minutes.ooder.tar"

    @property
    def environment(self) -> Mapping[str, str]:
        """The caller's environment, with this stage's home and without a private HOME's agent folders."""
        return {**os.environ, "OODER_HOME": str(self.home), "HOME": str(self.root), "PYTHONUNBUFFERED": "1"}


@dataclass(frozen=True, slots=True)
class Chapter:
    """`commands` are `ooder` command lines; `accept` are the exit codes that are part of the story."""

    title: str
    commands: tuple[tuple[str, ...], ...]
    prepare: Callable[[Stage], None] | None = None
    accept: tuple[int, ...] = (0,)


def set_the_stage(stage: Stage) -> None:
    """A copy of the catalogue as a folder, the same as a git repository, and a home of its own."""
    if stage.root.exists():
        shutil.rmtree(stage.root)
    shutil.copytree(CATALOGUE, stage.folder)
    worktree = stage.root / "worktree"
    shutil.copytree(CATALOGUE, worktree)
    identity = ("-c", "user.name=Qinghe", "-c", "user.email=demo@example.invalid", "-c", "init.defaultBranch=main")
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "Catalogue of Qinghe Studio")):
        subprocess.run(["git", *identity, *command], cwd=worktree, check=True)
    subprocess.run(["git", "clone", "-q", "--bare", str(worktree), str(stage.repository)], check=True)
    shutil.rmtree(worktree)
    stage.home.mkdir(mode=0o700)
    (stage.home / "config.yaml").write_text(
        "# The demo speaks to nobody but this machine: the local network is its loopback.\n"
        "sources:\n  udp_broadcast:\n    interfaces: [lo]\n  mdns_dns_sd:\n    interfaces: [lo]\n",
        "utf-8",
    )


def chapters(stage: Stage) -> tuple[Chapter, ...]:
    """The story. Later parts of the product append theirs."""
    return (
        Chapter("Look around: the catalogue as a folder", (("scan", str(stage.folder)),)),
        Chapter("The same catalogue as a git repository", (("scan", stage.repository.as_uri()),)),
        Chapter("One merged list", (("list", "--kind", "scene"), ("sources",))),
        Chapter("Search, in Chinese and English", (("search", "日报"), ("search", "report*"))),
        Chapter("One scene in full: who provides each capability, compared", (("show", "scene:daily-report"),)),
        Chapter("A conflict, explained", (("show", "skill:skill-approval", "--why"),)),
        Chapter("What could not be read, and what does not fit together", (("status", "--problems"),)),
        Chapter("Unplugged: the same answers from the cache, with their age", (("--offline", "search", "审批"),)),
        Chapter("A plan first: what would come, from where, and what it may do", (("install", MINUTES, "--plan"),)),
        Chapter("Install the scene with everything it needs, unplugged", (("--offline", "install", MINUTES, "--yes"),)),
        Chapter(
            "One skill straight from a folder of a git repository, without a scan",
            (("install", f"{stage.repository.as_uri()}//skills/skill-calendar", "--plan"),),
        ),
        Chapter("What is installed, every byte of it held to its digest", (("installed",), ("verify",))),
        Chapter(
            "Call it: the contract is checked on both sides",
            (
                (
                    "call",
                    MINUTES,
                    "cap:text-summarize",
                    "--data",
                    '{"text": "会议开始。大家同意周五发布。散会。", "sentences": 1}',
                ),
            ),
        ),
        Chapter(
            "Another skill for one capability: compared, switched, kept only because it answers",
            (
                (
                    "replace",
                    MINUTES,
                    "cap:text-summarize",
                    "--with",
                    "skill:skill-text-brief",
                    "--probe",
                    '{"text": "会议开始。大家同意周五发布。散会。", "sentences": 1}',
                    "--yes",
                ),
            ),
        ),
        Chapter("One signed file for a machine without a network", (("export", MINUTES, "-o", str(stage.bundle)),)),
        Chapter(
            "Give it up, and take that back",
            (("uninstall", MINUTES), ("rollback",), ("history",)),
        ),
    )


def play(stage: Stage) -> int:
    """Run every chapter; returns the exit code."""
    set_the_stage(stage)
    for number, chapter in enumerate(chapters(stage), 1):
        print(f"\n━━ {number}. {chapter.title}")
        if chapter.prepare:
            chapter.prepare(stage)
        for command in chapter.commands:
            print(f"\n$ ooder {' '.join(command)}", flush=True)
            done = subprocess.run([sys.executable, "-m", "node", *command], env=stage.environment, check=False)
            if done.returncode not in chapter.accept:
                print(f"demo: 'ooder {' '.join(command)}' left with {done.returncode}", file=sys.stderr)
                return done.returncode
    print("\n━━ Neighbours: three real nodes find each other, and one installs from another", flush=True)
    if code := play_neighbours():
        return code
    print("\n━━ Strangers: a scene that only the DHT knows, found and installed with no server", flush=True)
    if code := play_strangers():
        return code
    print("\n━━ A registry: a second node is a SkillCenter; publish to it, and the first finds it by push", flush=True)
    if code := play_center(stage.root / "registry"):
        return code
    print(
        f"\nThe home of this demo stays in {stage.home}; look around with: OODER_HOME={stage.home} {sys.executable} -m node"
    )
    return open_page(stage) if sys.stdin.isatty() and sys.stdout.isatty() else 0


def open_page(stage: Stage) -> int:
    """The same home on its web page, for a person at a terminal, until Ctrl-C."""
    print("\n━━ And the page: everything above in a browser; Ctrl-C ends it\n", flush=True)
    node = subprocess.Popen([sys.executable, "-m", "node", "serve"], env=stage.environment)
    while True:
        with suppress(KeyboardInterrupt):  # the node hears it too, and ends in order
            return 0 if node.wait() in {0, 130} else 1


if __name__ == "__main__":
    sys.exit(play(Stage(Path.cwd() / ".demo")))
