"""Homes with installed scenes made of real skill folders.

>>> home = Home(tmp_path)                                                                           # doctest: +SKIP
>>> home.skill("skill-text-digest", catalogue("skills/skill-text-digest"))
>>> generation = home.commit("minutes", {"text-summarize": ["skill-text-digest"]})
>>> answer = asyncio.run(call_once(home.machine, generation, "minutes", "text-summarize", {"text": "..."}))
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from node.install.store import Store
from node.install.unpack import PackedFile
from node.paths import Paths
from node.scene.connectors.process import Program
from node.scene.members import Machine
from protocol.install.apply import Change
from protocol.install.model import Consent, Generation, Installed, Route
from protocol.manifests import read_manifest
from protocol.refs import Kind
from protocol.scene.connector import RUN, Process, connector_of
from protocol.scene.supervision import Policy

CATALOGUE = Path(__file__).resolve().parents[2] / "scenarios" / "catalogue"
TEXT = {"text": "The sun rose. It was warm. The sun set. Everybody slept under the sun.", "sentences": 2}


def catalogue(path: str) -> dict[str, bytes]:
    """The files of one folder of the catalogue."""
    root = CATALOGUE / path
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in root.rglob("*") if file.is_file()}


def skill_of(
    name: str, server: str, capability: str = "text-summarize", command: Sequence[str] = ()
) -> dict[str, bytes]:
    """A skill whose program is the Python text `server`."""
    words = list(command) or ["python3", "server.py"]
    manifest = f"""
apiVersion: skill.ooder.net/v1
kind: Skill
metadata: {{id: {name}, name: {name}, version: "1.0.0"}}
spec:
  capabilities: [{{id: {capability}, name: x}}]
  implements:
    - capId: {capability}
      connector: {{type: process, config: {{command: {words}, health: /health}}}}
  config: {{optional: [{{name: GREETING, type: string, default: hello}}, {{name: LD_PRELOAD, type: string}}]}}
"""
    return {"skill.yaml": manifest.encode(), "server.py": server.encode()}


SERVER = """
import json, os, sys, time, signal, subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self): self.say({"status": "ok"})
    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.say(answer(request))
    def say(self, body, status=200):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
    def log_message(self, *args): pass
def answer(request): return {"summary": "ok", "sentences": ["ok"]}
%s
ThreadingHTTPServer(("127.0.0.1", int(os.environ["OODER_PORT"])), Handler).serve_forever()
"""
"""A well-behaved server; `%` puts in what is not."""


class Home:
    """A home below `folder` with a store in it."""

    def __init__(self, folder: Path) -> None:
        self.paths = Paths(folder / "home")
        self.store = Store(self.paths.home)
        self.files: dict[tuple[Kind, str], Mapping[str, bytes]] = {}
        self.capability("text-summarize")
        self.machine = Machine(
            self.paths, self.store, chance=random.Random(1), policy=Policy(0.01, 0.05), program=self._quick
        )

    def _quick(self, program: Program) -> Program:
        return replace(program, start_seconds=10.0, stop_seconds=0.3, look_every=0.05, health_seconds=0.3)

    def capability(self, name: str, files: Mapping[str, bytes] | None = None) -> None:
        self.files[Kind.CAPABILITY, name] = files or catalogue(f"capabilities/{name}")

    def skill(self, name: str, files: Mapping[str, bytes]) -> None:
        self.files[Kind.SKILL, name] = files

    def commit(
        self,
        scene: str,
        routes: Mapping[str, Sequence[str]],
        *,
        strategy: str = "priority",
        consent: bool = True,
    ) -> Generation:
        """Install the scene with everything that was added so far."""
        needs = f"requiredCapabilities: [{', '.join(routes)}]"
        manifest = f"apiVersion: scene.ooder.net/v1\nkind: SceneDefinition\nmetadata: {{sceneId: {scene}, version: 1.0.0}}\nspec:\n  {needs}\n"
        with self.store.stage() as stage:

            def add(kind: Kind, name: str, files: Mapping[str, bytes], **more: object) -> Installed:
                done = stage.files(PackedFile(path, False, data) for path, data in files.items())
                found = next(
                    one
                    for path, data in files.items()
                    for one in read_manifest(f"{name}/{path}", data).items
                    if one.kind is kind
                )
                return Installed(
                    kind, name, found.version, "local:1", done.digest, done.size, len(done.files), "personal", **more
                )  # type: ignore[arg-type]

            parts = {key: add(*key, files) for key, files in self.files.items()}
            routed = tuple(
                Route(capability, tuple(parts[Kind.SKILL, one].release for one in skills), strategy)
                for capability, skills in routes.items()
            )
            needed = tuple(sorted(part.release for part in parts.values()))
            top = add(Kind.SCENE, scene, {"scene.yaml": manifest.encode()}, needs=needed, routes=routed, requested=True)
            consents = tuple(self._consents(parts)) if consent else ()
            change = Change(f"install scene:{scene}", add=(*parts.values(), top), consents=consents)
            return self.store.commit(change, 1.0, stage).generation

    def _consents(self, parts: Mapping[tuple[Kind, str], Installed]) -> list[Consent]:
        found = []
        for (kind, name), installed in parts.items():
            if kind is Kind.SKILL:
                for path, data in self.files[kind, name].items():
                    for item in read_manifest(f"{name}/{path}", data).items:
                        for provided in item.provides:
                            spec = connector_of(item, provided.id)
                            if isinstance(spec, Process):
                                word = RUN + " ".join(spec.command)
                                found.append(Consent(1.0, "tester", installed.release, installed.digest, (word,)))
        return found


def below(pid: int) -> list[int]:
    """Live processes whose command line or environment cannot be asked: everything below `pid`."""
    parents: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                stat = Path(f"/proc/{name}/stat").read_bytes().rpartition(b")")[2].split()
            except OSError:
                continue
            if stat[0] != b"Z":
                parents.setdefault(int(stat[1]), []).append(int(name))
    found = list(parents.get(pid, ()))
    for one in found:
        found.extend(parents.get(one, ()))
    return found


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False
