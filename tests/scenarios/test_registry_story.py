"""Two real nodes on loopback: publish, push, find, install, new version, update with consent, withdraw, revoke, out of service."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent.parent
QUIET = {f"OODER_SOURCES__{name}__ENABLED": "false" for name in ("UDP_BROADCAST", "MDNS_DNS_SD", "DHT_KADEMLIA")}
MANIFEST = """---
name: acme.hello
description: greets
metadata: {{version: "{version}", ooder.capabilities: say-hello}}
---
Say hello.
"""
SCENE = """apiVersion: scene.ooder.net/v1
kind: SceneDefinition
metadata: {sceneId: acme.desk, name: Desk, version: "1.0.0"}
spec: {type: primary, requiredCapabilities: [say-hello], dependencies: {skills: [{skillId: acme.hello, version: ">=1.0.0"}]}}
"""


class Home:
    """One node's home and its command line."""

    def __init__(self, path: Path, settings: str) -> None:
        self.path = path
        path.mkdir()
        (path / "config.yaml").write_text(settings)
        self.env = {**os.environ, **QUIET, "OODER_HOME": str(path), "PYTHONPATH": str(ROOT), "OODER_LANG": "en"}

    def __call__(self, *words: str, fails: int = 0) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "node", "--json", *words], env=self.env, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == fails, (words, done.returncode, done.stdout, done.stderr)
        lines = done.stdout.strip().splitlines()
        return dict(json.loads(lines[-1])) if lines else {}

    @contextmanager
    def serving(self, *flags: str) -> Iterator[Callable[[], str]]:
        """The running node; gives what it printed so far."""
        log = self.path.with_suffix(".log")
        with log.open("wb") as out:
            words = [sys.executable, "-m", "node", "serve", "--no-browser", *flags]
            node = subprocess.Popen(words, env=self.env, stdout=out, stderr=out)
            try:
                yield lambda: log.read_text()
            finally:
                node.send_signal(signal.SIGTERM)
                node.wait(20)


def until(what: Callable[[], Any], seconds: float = 20.0) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if found := what():
                return found
        except (AssertionError, AttributeError):
            pass
        time.sleep(0.05)
    raise AssertionError("it did not come")


def test_from_publishing_to_out_of_service(tmp_path: Path) -> None:
    package = tmp_path / "hello"
    package.mkdir()
    center = Home(tmp_path / "center", "peer: {host: 127.0.0.1, port: 0}\napi: {port: 0}\n")
    with center.serving("--skill-center") as printed:
        url = until(lambda: re.search(r"SkillCenter: (http://\S+)", printed()))[1]
        # this test speaks plain http, so the registry's key is named
        import urllib.request

        with urllib.request.urlopen(f"{url}/api/v1/center", timeout=10) as answer:
            key = json.load(answer)["key"]
        user = Home(
            tmp_path / "user",
            f"peer: {{enabled: false}}\napi: {{port: 0}}\nscope: company\nsources:\n  skill_center:\n    registries:\n"
            f"      - {{url: '{url}', key: '{key}', official: true}}\n",
        )

        def publish(version: str) -> None:
            (package / "SKILL.md").write_text(MANIFEST.format(version=version))
            center("publish", str(package), "--to", url)

        def shown() -> dict[str, Any]:
            return user("show", "skill:acme.hello")

        with user.serving() as said:
            until(lambda: "skill_center: done" in said())
            publish("1.0.0")
            scene = tmp_path / "desk"
            scene.mkdir()
            (scene / "scene.yaml").write_text(SCENE)
            center("publish", str(scene), "--to", url)
            until(lambda: user("show", "scene:acme.desk"))
            assert shown()["trust"] == "official"
            user("install", "--yes", "scene:acme.desk")
            assert [row["status"] for row in user("installed")["items"]] == ["active"] * 2
            assert "hello" in json.dumps(user("call", "scene:acme.desk", "cap:say-hello"))
            publish("1.1.0")
            until(lambda: shown()["version"] == "1.1.0")
            assert user("outdated")["outdated"]
            user("update", "--yes")
            assert "1.1.0" in {row["version"] for row in user("installed")["items"] if row["id"] == "acme.hello"}
            center("publish", "skill:acme.hello@1.1.0", "--withdraw", "--reason", "broken", "--to", url)
            until(lambda: shown()["version"] == "1.0.0")
            status = {row["id"]: row["status"] for row in user("installed")["items"]}
            assert status["acme.hello"] == "withdrawn"
            center("publish", "skill:acme.hello@1.1.0", "--revoke", "--reason", "bad", "--to", url)
            until(lambda: "revoked" in {row["status"] for row in user("installed")["items"]})
            until(lambda: "revoked" in json.dumps(user("call", "scene:acme.desk", "cap:say-hello", fails=6)))
            assert "acme.hello" in (user.path / "revoked.json").read_text()
            user("install", "--yes", "skill:acme.hello@1.1.0", fails=7)
    gone = user("scan", fails=4)  # the registry is down: what was revoked stays so
    assert gone
    assert "revoked" in {row["status"] for row in user("installed")["items"]}
