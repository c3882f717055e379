"""`call`, `start`, `stop`, `logs`: installed scenes at work, and their part of `status`.

They ask the running node. Without one, `call` starts what it needs for the one call and ends it again, and says so.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, BinaryIO

import click

from node import control
from node.cli.main import common_options
from node.cli.screen import show
from node.cli.session import Session
from protocol import limits
from protocol.errors import NotFoundError, UnavailableError, UsageError
from protocol.refs import Kind, Ref, parse_ref


@click.command("call")
@click.argument("scene")
@click.argument("capability")
@click.option(
    "-d", "--data", metavar="JSON", help="The request: JSON text, @FILE, or - for standard input (default: {})."
)
@common_options
@click.pass_obj
def call_command(session: Session, scene: str, capability: str, data: str | None) -> None:
    """Call CAPABILITY (cap:ID) of an installed SCENE (scene:ID). Request and answer are checked against the contract.

    --json prints the whole answer with the skill that gave it; without it only the skill's own JSON is printed.
    """
    scene_ref, cap_ref = _ref(scene, Kind.SCENE), _ref(capability, Kind.CAPABILITY)
    request = _request(data)
    seconds = float(session.flags.get(("scan", "deadline"), 0.0))
    answer = _call(session, scene_ref, cap_ref, request, seconds)
    if session.screen.as_json:
        session.screen.answer({"scene": str(scene_ref), **answer})
        return
    for row in answer["passed_over"]:
        session.screen.talk(session.say("call.passed_over", skill=show(row["skill"]), code=row["code"]))
    body = answer["body"]
    if isinstance(body, dict) and body.get("form") == "document":
        session.screen.data(show_lines(str(body.get("instructions", ""))))
    else:
        session.screen.data(show_lines(json.dumps(body, ensure_ascii=False, indent=2)))
    facts = {"skill": show(answer["skill"]), "connector": answer["connector"], "ms": answer["took_ms"]}
    session.screen.talk(session.say("call.answered", **facts))


def _call(session: Session, scene: Ref, capability: Ref, request: Any, seconds: float) -> dict[str, Any]:
    params = {"scene": str(scene), "capability": str(capability), "request": request, "seconds": seconds}
    language = session.speaker.language
    try:
        answer: dict[str, Any] = control.ask(session.paths, "scene.call", params, language=language, seconds=seconds)
        return answer
    except UnavailableError as error:
        if error.code != "node.not_running":
            raise
    from node.install.store import Store
    from node.scene.agents import call_once
    from node.scene.members import Machine

    store = Store(session.paths.home)
    machine = Machine(session.paths, store)
    once = call_once(machine, store.current(), scene.id, capability.id, request, seconds)
    answer = asyncio.run(once).describe()
    session.screen.talk(session.say("call.alone", scene=scene))
    return answer


@click.command("start")
@click.argument("scene")
@common_options
@click.pass_obj
def start_command(session: Session, scene: str) -> None:
    """Start SCENE (scene:ID), or resume it; skills that were given up are tried again. Needs a running node."""
    ref = _ref(scene, Kind.SCENE)
    _show_one(
        session, control.ask(session.paths, "scene.start", {"scene": str(ref)}, language=session.speaker.language)
    )


@click.command("stop")
@click.argument("scene")
@click.option("--suspend", is_flag=True, help="Only refuse calls; its skills go on running.")
@common_options
@click.pass_obj
def stop_command(session: Session, scene: str, suspend: bool) -> None:
    """Stop SCENE (scene:ID) and every process of it. It stays stopped until `ooder start`."""
    ref = _ref(scene, Kind.SCENE)
    params = {"scene": str(ref), "suspend": suspend}
    try:
        _show_one(session, control.ask(session.paths, "scene.stop", params, language=session.speaker.language))
        return
    except UnavailableError as error:
        if error.code != "node.not_running":
            raise
    from node.install.store import Store
    from node.scene.agents import write_wish
    from node.scene.members import find_scene
    from protocol.scene.states import State

    generation = Store(session.paths.home).current()
    find_scene(generation, ref.id)
    state = State.SUSPENDED if suspend else State.STOPPED
    write_wish(session.paths, ref.id, state, generation.number)
    if session.screen.as_json:
        session.screen.answer({"scene": str(ref), "state": state.value, "node_running": False})
    else:
        session.screen.data(session.say("scene.will_stay_stopped", scene=ref))


@click.command("logs")
@click.argument("scene")
@click.argument("skill", required=False)
@click.option("-n", "--lines", type=click.IntRange(1, 10_000), default=50, show_default=True, help="The last N lines.")
@common_options
@click.pass_obj
def logs_command(session: Session, scene: str, skill: str | None, lines: int) -> None:
    """What the programs of SCENE (scene:ID) printed, or only that of SKILL (skill:ID)."""
    ref = _ref(scene, Kind.SCENE)
    wanted = _ref(skill, Kind.SKILL).id if skill else "*"
    files = sorted((session.paths.logs / ref.id).glob(f"{wanted}.log"))
    if not files:
        raise NotFoundError("scene.no_log", scene=str(ref))
    found = {path.name.removesuffix(".log"): _tail(path, lines) for path in files}
    if session.screen.as_json:
        session.screen.answer({"scene": str(ref), "logs": found})
        return
    for name, text in found.items():
        if len(found) > 1:
            session.screen.data(f"== skill:{name}")
        for line in text:
            session.screen.data(show(line, 2000))


def scene_rows(session: Session, scene: str = "") -> list[dict[str, Any]]:
    """Every scene agent as JSON, from the node if one runs, else what was last said about it."""
    wanted = _ref(scene, Kind.SCENE) if scene else None
    try:
        language = session.speaker.language
        rows: list[dict[str, Any]] = control.ask(session.paths, "scene.status", {}, language=language)["scenes"]
    except UnavailableError as error:
        if error.code != "node.not_running":
            raise
        rows = _resting_rows(session)
    if wanted is not None:
        rows = [row for row in rows if row["scene"] == str(wanted.any_version)]
        if not rows:
            raise NotFoundError("scene.not_installed", scene=str(wanted))
    return rows


def _resting_rows(session: Session) -> list[dict[str, Any]]:
    if not (session.paths.home / "store-v1").exists():
        return []
    from node.install.store import Store
    from node.scene.agents import read_wish
    from protocol.scene.states import State

    generation = Store(session.paths.home).current()
    return [
        {
            "scene": f"scene:{item.id}",
            "version": item.version,
            "state": State.STOPPED.value,
            "wanted": (read_wish(session.paths, item.id) or State.ACTIVE).value,
            "node_running": False,
            "reason": None,
            "generation": generation.number,
            "capabilities": [
                {
                    "capability": route.capability,
                    "strategy": route.strategy,
                    "skills": [{"skill": name, "state": "stopped"} for name in route.skills],
                }
                for route in item.routes
            ],
        }
        for item in generation.scenes
    ]


def show_scenes(session: Session, rows: list[dict[str, Any]]) -> None:
    """`status scene:ID`."""
    if session.screen.as_json:
        session.screen.answer({"scenes": rows})
        return
    for row in rows:
        _print(session, row)


def _show_one(session: Session, row: dict[str, Any]) -> None:
    if session.screen.as_json:
        session.screen.answer(row)
    else:
        _print(session, row)


def _print(session: Session, row: dict[str, Any]) -> None:
    screen, say = session.screen, session.say
    rest = f" · {say('scene.not_watched')}" if row.get("node_running") is False else ""
    screen.data(say("scene.state", scene=row["scene"], state=row["state"]) + rest)
    if row.get("reason"):
        screen.data(f"  {show(row['reason']['message'], 400)} [{row['reason']['code']}]")
    for capability in row["capabilities"]:
        screen.data(f"  cap:{capability['capability']} ({capability['strategy']})")
        for skill in capability["skills"]:
            process = f" pid {skill['pid']}" if skill.get("pid") else ""
            fault = f"  {show(skill['fault']['message'], 300)} [{skill['fault']['code']}]" if "fault" in skill else ""
            screen.data(f"    {show(skill['skill'])}: {skill['state']}{process}{fault}")


def show_lines(text: str) -> str:
    """Outside text of many lines made harmless, its lines kept."""
    return "\n".join(show(line, 20_000) for line in text.split("\n"))


def _ref(text: str, kind: Kind) -> Ref:
    ref = parse_ref(text if ":" in text else f"{kind.prefix}:{text}")
    if ref.kind is not kind:
        raise UsageError("usage.bad_value", name=text, reason=f"{kind.prefix}:ID")
    return ref


def _request(data: str | None) -> Any:
    """The request from `--data`. Raises UsageError `scene.bad_request`, `scene.request_too_big`."""
    if data is None:
        return {}
    raw = data.encode("utf-8", "surrogatepass")
    try:
        if data == "-":
            raw = _bounded(sys.stdin.buffer)
        elif data.startswith("@"):
            with Path(data[1:]).open("rb") as file:
                raw = _bounded(file)
        return json.loads(raw)
    except OSError as error:
        raise UsageError("scene.bad_request", reason=f"{data[1:200]}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError("scene.bad_request", reason=str(error)[:200]) from error


def _bounded(file: BinaryIO) -> bytes:
    data = file.read(limits.CALL_REQUEST_BYTES + 1)
    if len(data) > limits.CALL_REQUEST_BYTES:
        raise UsageError("scene.request_too_big", limit=limits.CALL_REQUEST_BYTES)
    return data


def _tail(path: Path, lines: int) -> list[str]:
    """The last lines, at most `limits.SKILL_LOG_TAIL` bytes of them."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - limits.SKILL_LOG_TAIL))
        return file.read().decode("utf-8", "replace").splitlines()[-lines:]
