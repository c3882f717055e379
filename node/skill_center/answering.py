"""What the handlers of a SkillCenter have in common: lenient parameters, answers with an ETag, one way to declare a route."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from node.api.problems import encode
from node.api.route import CENTER, Answer, Call, Route
from node.skill_center.center import Center
from protocol.errors import NotFoundError, UsageError
from protocol.refs import KIND_OF_PREFIX, Kind
from protocol.skill_center import places

JSON = "application/json; charset=utf-8"


class Lenient(BaseModel):
    """Parameters of a foreign client: what is not known is not looked at."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True, defer_build=True)


def center_of(call: Call) -> Center:
    """The SkillCenter this node is. Raises NotFoundError `center.not_here`."""
    if call.desk.center is None:
        raise NotFoundError("center.not_here")
    return call.desk.center


def json_answer(body: object, headers: Mapping[str, str] | None = None, status: int = 200) -> web.Response:
    """A value as JSON."""
    data = body.encode() if isinstance(body, str) else encode(body)
    return web.Response(body=data, status=status, headers={"Content-Type": JSON, **(headers or {})})


async def tagged(call: Call, what: object, make: Callable[[], tuple[str, dict[str, str]]]) -> web.Response:
    """A body that depends on `what` and on what is shown: not made for who has it, and made once for who has not."""
    shelves = call.desk.shelves
    tag = f'"{await shelves.state()}-{hashlib.blake2b(repr(what).encode(), digest_size=8).hexdigest()}"'
    known = {one.strip() for one in call.request.headers.get("If-None-Match", "").split(",")}
    if tag in known:
        return web.Response(status=304, headers={"ETag": tag})
    held = shelves.answers.get(tag)
    if held is None:
        text, headers = await shelves.read(make)
        held = text.encode(), {"Content-Type": JSON, "Cache-Control": "no-cache", "ETag": tag, **headers}
        shelves.answers.put(tag, *held)
    return web.Response(body=held[0], headers=held[1])


def kind_of(text: str) -> Kind:
    """The kind a word stands for. Raises UsageError `api.bad_request`."""
    kind = KIND_OF_PREFIX.get(text)
    if kind is None:
        raise UsageError("api.bad_request", name="kind", reason="scene, cap, skill or agent")
    return kind


ROWS = list[dict[str, Any]]
GONE = ("center.not_here", "center.unknown")


API = places.API
OBJECT: dict[str, Any] = {"answer": dict[str, Any]}


def center_route(
    method: str, path: str, name: str, summary: str, handler: Any, params: type[BaseModel], **more: Any
) -> Route:
    """A route of the SkillCenter's interface."""
    defaults: dict[str, Any] = {"answer": ROWS, "errors": GONE}
    return Route(
        method=method,
        path=path,
        name=f"center_{name}",
        summary=summary,
        handler=handler,
        params=params,
        audience=CENTER,
        kind=Answer.RAW,
        **{**defaults, **more},
    )
