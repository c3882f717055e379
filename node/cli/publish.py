"""`publish`: a folder or package to a SkillCenter, signed with this node's key; and what is said later about what was published."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from node.cli.detail_page import size as size_text
from node.cli.main import common_options
from node.cli.screen import show
from node.cli.session import Session
from protocol.errors import OoderError, UsageError
from protocol.items import Status
from protocol.refs import Ref, parse_ref

if TYPE_CHECKING:
    from node.skill_center.publishing import Publisher

_WORDS = {
    "deprecate": Status.DEPRECATED,
    "withdraw": Status.WITHDRAWN,
    "revoke": Status.REVOKED,
    "restore": Status.ACTIVE,
}


@click.command("publish")
@click.argument("target", metavar="PATH|REF")
@click.option("--to", "url", default="", metavar="URL", help="The SkillCenter; without it the first configured one.")
@click.option("--item", default="", metavar="REF", help="Which item of the folder, where it holds several.")
@click.option("--deprecate", "word", flag_value="deprecate", help="REF still works, but something better is there.")
@click.option("--withdraw", "word", flag_value="withdraw", help="REF is not offered any more.")
@click.option("--revoke", "word", flag_value="revoke", help="REF must not run anywhere. Final.")
@click.option("--restore", "word", flag_value="restore", help="Take a deprecation or withdrawal back.")
@click.option("--reason", default="", metavar="TEXT", help="Why; shown to who has it.")
@common_options
@click.pass_obj
def publish_command(session: Session, target: str, url: str, item: str, word: str | None, reason: str) -> None:
    """Publish what is at PATH, or say something else about REF (one version, or all of them without one)."""
    where = url or registry_of(session.config.settings)
    if word:
        said = asyncio.run(_say(session, where, _ref(target), _WORDS[word], reason))
        _answer(session, {"url": where, "said": said}, said, where)
        return
    answer, size = asyncio.run(_publish(session, where, Path(target).expanduser(), parse_ref(item) if item else None))
    if session.screen.as_json:
        session.screen.answer({"url": where, "size": size, **answer})
    else:
        session.screen.data(
            session.say("publish.done", ref=show(str(answer.get("ref", ""))), url=where, size=size_text(size))
        )


def registry_of(settings: Any) -> str:
    """The first configured SkillCenter, or the one this node is. Raises UsageError `center.no_registry`."""
    registries = settings.sources.get("skill_center", {}).get("registries") or ()
    for entry in registries:
        url = entry.get("url", "") if isinstance(entry, Mapping) else str(entry)
        if url:
            return str(url)
    if settings.skill_center.enabled and settings.peer.port:
        return f"http://127.0.0.1:{settings.peer.port}"
    raise UsageError("center.no_registry")


def _ref(text: str) -> Ref:
    try:
        return parse_ref(text)
    except OoderError:
        raise UsageError("center.what", target=text[:200]) from None


async def _publish(session: Session, url: str, path: Path, ref: Ref | None) -> tuple[Mapping[str, Any], int]:
    from node.skill_center.publishing import prepared

    with prepared(path, ref) as ready:
        return await _publisher(session, url).publish(ready), ready.release.size


async def _say(session: Session, url: str, ref: Ref, status: Status, reason: str) -> list[Mapping[str, Any]]:
    return await _publisher(session, url).set_status(ref, status, reason)


def _publisher(session: Session, url: str) -> Publisher:
    from node.keys import node_key
    from node.skill_center.asking import HttpRegistry, bounds_of
    from node.skill_center.publishing import Publisher

    service = session.service
    http = service.ports.http(bounds_of(url))
    return Publisher(HttpRegistry(http, url), node_key(session.paths), service.now())


def _answer(session: Session, body: dict[str, Any], said: Sequence[Mapping[str, Any]], url: str) -> None:
    if session.screen.as_json:
        session.screen.answer(body)
        return
    for one in said:
        session.screen.data(
            session.say("publish.status", ref=show(str(one.get("ref"))), status=str(one.get("status")), url=url)
        )
