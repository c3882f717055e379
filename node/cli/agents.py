"""`call`, `start`, `stop`, `logs`: installed scenes at work, and their part of `status`.

They ask the running node. Without one, `call` starts what it needs for the one call and ends it again, and says so.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from node.cli.main import common_options
from node.cli.screen import show
from node.cli.session import Session
from node.scene.following import followed
from protocol import limits
from protocol.errors import UsageError
from protocol.refs import Kind, Ref, parse_ref

if TYPE_CHECKING:
    from node.scene.scenes import Scenes


@click.command("call")
@click.argument("scene")
@click.argument("capability")
@click.option(
    "-d", "--data", metavar="JSON", help="The request: JSON text, @FILE, or - for standard input (default: {})."
)
@common_options
@click.pass_obj
def call_command(session: Session, scene: str, capability: str, data: str | None) -> None:
    """Call CAPABILITY (cap:ID) of an installed SCENE (scene:ID), or of a skill by itself (skill:ID).

    Request and answer are checked against the contract.
    --json prints the whole answer with the skill that gave it; without it only the skill's own JSON is printed.
    """
    alone = scene.startswith(f"{Kind.SKILL.prefix}:")
    scene_ref, cap_ref = _ref(scene, Kind.SKILL if alone else Kind.SCENE), _ref(capability, Kind.CAPABILITY)
    request = _request(data)
    seconds = float(session.flags.get(("scan", "deadline"), 0.0))
    answer = asyncio.run(scenes_of(session).call(scene_ref, cap_ref, request, seconds))
    if answer.pop("alone"):
        session.screen.talk(session.say("call.alone", scene=scene_ref))
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


@click.command("start")
@click.argument("scene")
@common_options
@click.pass_obj
def start_command(session: Session, scene: str) -> None:
    """Start SCENE (scene:ID), or resume it; skills that were given up are tried again. Needs a running node."""
    _show_one(session, asyncio.run(scenes_of(session).start(_ref(scene, Kind.SCENE))))


@click.command("stop")
@click.argument("scene")
@click.option("--suspend", is_flag=True, help="Only refuse calls; its skills go on running.")
@common_options
@click.pass_obj
def stop_command(session: Session, scene: str, suspend: bool) -> None:
    """Stop SCENE (scene:ID) and every process of it. It stays stopped until `ooder start`."""
    ref = _ref(scene, Kind.SCENE)
    row = asyncio.run(scenes_of(session).stop(ref, suspend=suspend))
    if row.get("node_running", True):
        _show_one(session, row)
    elif session.screen.as_json:
        session.screen.answer({"scene": str(ref), "state": row["wanted"], "node_running": False})
    else:
        session.screen.data(session.say("scene.will_stay_stopped", scene=ref))


@click.command("logs")
@click.argument("scene")
@click.argument("skill", required=False)
@click.option("-n", "--lines", type=click.IntRange(1, 10_000), default=50, show_default=True, help="The last N lines.")
@click.option("-f", "--follow", is_flag=True, help="Go on with new lines as they come, until Ctrl-C.")
@common_options
@click.pass_obj
def logs_command(session: Session, scene: str, skill: str | None, lines: int, follow: bool) -> None:
    """What the programs of SCENE (scene:ID) printed, or only that of SKILL (skill:ID)."""
    ref = _ref(scene, Kind.SCENE)
    if follow:
        _follow(session, ref, _ref(skill, Kind.SKILL).id if skill else "*")
        return
    found = scenes_of(session).logs(ref, _ref(skill, Kind.SKILL) if skill else None, lines)
    if session.screen.as_json:
        session.screen.answer({"scene": str(ref), "logs": found})
        return
    for name, text in found.items():
        if len(found) > 1:
            session.screen.data(f"== skill:{name}")
        for line in text:
            session.screen.data(show(line, 2000))


def _follow(session: Session, scene: Ref, skill: str) -> None:
    """New lines as they come, one JSON object each with --json; Ctrl-C is the way to end it."""
    with suppress(KeyboardInterrupt):
        for name, line in followed(session.paths.logs / scene.id, f"{skill}.log"):
            if session.screen.as_json:
                session.screen.data(json.dumps({"skill": f"skill:{name}", "line": line}, ensure_ascii=False))
            else:
                session.screen.data((f"{show(name, 80)}: " if skill == "*" else "") + show(line, 2000))


def scenes_of(session: Session) -> Scenes:
    """The installed scenes, through the running node where there is one."""
    from node.scene.scenes import Scenes, asking

    return Scenes(session.paths, asking(session.paths, session.speaker.language))


def scene_rows(session: Session, scene: str = "") -> list[dict[str, Any]]:
    """Every scene agent as JSON, from the node if one runs, else what was last said about it."""
    return asyncio.run(scenes_of(session).rows(_ref(scene, Kind.SCENE) if scene else None))


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
