"""The demo's chapter about registries: a second node is a SkillCenter, somebody publishes to it, and the first finds it by push, installs
it, and hears that it was withdrawn. Everything on the loopback of this machine."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SKILL = Path(__file__).resolve().parent / "catalogue" / "skills" / "minutes-writer"
NAME = "skill:minutes-writer"
SECONDS = 30.0
_QUIET = {f"OODER_SOURCES__{name}__ENABLED": "false" for name in ("UDP_BROADCAST", "MDNS_DNS_SD", "DHT_KADEMLIA")}


class Node:
    """One home and its command line."""

    def __init__(self, home: Path, settings: str) -> None:
        self.home = home
        home.mkdir(mode=0o700, parents=True)
        (home / "config.yaml").write_text(f"api: {{port: 0}}\n{settings}", "utf-8")
        self.env = {**os.environ, **_QUIET, "OODER_HOME": str(home), "HOME": str(home), "PYTHONUNBUFFERED": "1"}

    def run(self, *words: str) -> int:
        """One command, as typed; its exit code."""
        print(f"\n$ ooder {' '.join(words)}", flush=True)
        return subprocess.run([sys.executable, "-m", "node", *words], env=self.env, check=False).returncode

    @contextmanager
    def serving(self, *flags: str) -> Iterator[Path]:
        """The running node; gives the file it prints to."""
        log = self.home / "serve.log"
        with log.open("wb") as out:
            words = [sys.executable, "-m", "node", "serve", "--no-browser", *flags]
            env = {**self.env, "OODER_LANG": "en"}  # what it prints is read below
            process = subprocess.Popen(words, env=env, stdout=out, stderr=out)
            try:
                yield log
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(20)

    def row(self) -> dict[str, object]:
        """What the running node shows under the name; empty for nothing."""
        token, address = ((self.home / "run" / name).read_text("utf-8") for name in ("token", "address"))
        connection = http.client.HTTPConnection(address.partition("://")[2], timeout=5)
        try:
            connection.request("GET", f"/api/v1/items?q={NAME}", headers={"Authorization": f"Bearer {token}"})
            items = json.loads(connection.getresponse().read())["items"]
            return dict(items[0]) if items else {}
        finally:
            connection.close()


def _await(log: Path, pattern: str) -> str:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if found := re.search(pattern, log.read_text("utf-8")):
            return found[found.lastindex or 0]
        time.sleep(0.05)
    raise TimeoutError(f"no '{pattern}' in {log}")


def _until(node: Node, status: str) -> float:
    """Seconds until the node shows the skill with this status; "" = no longer offers it."""
    start = time.monotonic()
    while time.monotonic() < start + SECONDS:
        if node.row().get("status", "") == status:
            return time.monotonic() - start
        time.sleep(0.01)
    raise TimeoutError(f"{NAME} never got the status '{status}'")


def play_center(root: Path) -> int:
    """Play it below `root`; returns the exit code."""
    shutil.rmtree(root, ignore_errors=True)
    center = Node(root / "center", "peer: {host: 127.0.0.1, port: 0}\n")
    with center.serving("--skill-center") as printed:
        url = _await(printed, r"SkillCenter: (http://\S+)")
        print(f"$ ooder serve --skill-center\nSkillCenter: {url}")
        with urllib.request.urlopen(f"{url}/api/v1/center", timeout=5) as answer:  # noqa: S310 - printed by our own node
            key = json.load(answer)["key"]
        registry = f"{{url: '{url}', key: '{key}', official: true}}"
        sources = f"sources:\n  skill_center:\n    registries: [{registry}]\n"
        first = Node(root / "first", f"peer: {{enabled: false}}\nscope: company\n{sources}")
        with first.serving() as said:
            _await(said, r"skill_center: (done|\S+ items)")
            return _publish_find_withdraw(center, first, url)


def _publish_find_withdraw(center: Node, first: Node, url: str) -> int:
    if code := center.run("publish", os.path.relpath(SKILL), "--to", url):
        return code
    print(f"(the first node had it by push {_until(first, 'active') * 1000:.0f} ms after that)")
    for words in (("search", "minutes"), ("install", NAME, "--yes"), ("installed",)):
        if code := first.run(*words):
            return code
    if code := center.run("publish", NAME, "--withdraw", "--reason", "a better one is coming", "--to", url):
        return code
    print(f"(the first node knew {_until(first, '') * 1000:.0f} ms after that)")
    return first.run("installed")


if __name__ == "__main__":
    raise SystemExit(play_center(Path.cwd() / ".demo" / "center"))
