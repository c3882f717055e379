"""What proves the rows of a SkillCenter: the signed head, changes with their records, revocations; publishing; and the push.
docs/protocol/skill-center.md is the norm."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pydantic import Field

from node.api.problems import encode
from node.api.route import Call
from node.skill_center.answering import GONE, OBJECT, Lenient, center_of, center_route, json_answer, kind_of, tagged
from node.skill_center.intake import Asked
from node.skill_center.live import serve_events, serve_socket
from protocol import limits
from protocol.errors import NotFoundError
from protocol.refs import check_id
from protocol.skill_center import places
from protocol.skill_center.changes import encode_change


class Proved(Lenient):
    """A kind and an id in the path."""

    kind: str = Field(max_length=20)
    id: str = Field(max_length=limits.ID_CHARS)


class Since(Lenient):
    """The last number that is known."""

    since: int = Field(default=0, ge=0, lt=2**53)
    limit: int = Field(default=limits.CENTER_CHANGES, ge=1, le=limits.CENTER_CHANGES)


class FromHere(Lenient):
    """The last event that is known; without it from now on."""

    since: int | None = Field(default=None, ge=0, lt=2**53)


async def head(call: Call) -> web.Response:
    """The signed head."""
    center = center_of(call)
    return json_answer(await center.read(center.describe), {"Cache-Control": "no-cache"})


async def revocations(call: Call) -> web.Response:
    """The signed revocation list."""
    center = center_of(call)
    return json_answer({"list": await center.read(center.store.revocations)}, {"Cache-Control": "no-cache"})


async def changes(call: Call) -> web.Response:
    """Releases that changed, with their proofs."""
    center, asked = center_of(call), call.params

    def make() -> tuple[str, dict[str, str]]:
        found = center.store.changes(asked.since, asked.limit)
        body = {
            "changes": [_change(one) for one in found],
            "last": center.store.last(),
            "more": len(found) == asked.limit,
        }
        return encode(body).decode(), {}

    return await tagged(call, ("changes", asked), make)


async def proofs(call: Call) -> web.Response:
    """Every version of one item, with its proof."""
    center, kind, id_ = center_of(call), kind_of(call.params.kind), check_id(call.params.id)

    def make() -> tuple[str, dict[str, str]]:
        found = center.store.versions(kind, id_)
        if not found:
            raise NotFoundError("center.unknown", ref=f"{kind.prefix}:{id_}")
        return encode([_change(one) for one in found]).decode(), {}

    return await tagged(call, ("proofs", kind, id_), make)


def _change(kept: Any) -> dict[str, Any]:
    return dict(
        encode_change(
            kept.n, kept.record, kept.item, kept.published_at, kept.downloads, mirrored_from=kept.mirrored_from
        )
    )


async def publish(call: Call) -> web.Response:
    """Take a release in, or another word about one."""
    center, request = center_of(call), call.request
    headers = request.headers
    length = headers.get(places.ITEM_HEADER, "0")
    asked = Asked(
        headers.get(places.ORDER_HEADER, ""),
        headers.get(places.RELEASE_HEADER, ""),
        int(length) if length.isascii() and length.isdigit() and len(length) < 9 else -1,
    )
    signed, n = await center.intake.take(asked, request.content.iter_chunked(256 * limits.KIB))
    await center.look()
    return json_answer({"ref": str(signed.release.ref), "event": n, "status": signed.release.status.value}, status=201)


async def socket(call: Call) -> web.StreamResponse:
    """Events as a WebSocket."""
    return await serve_socket(call.request, center_of(call).feed, call.params.since)


async def events(call: Call) -> web.StreamResponse:
    """Events as a stream."""
    last = call.request.headers.get("Last-Event-ID", "")
    since = int(last) if last.isascii() and last.isdigit() and len(last) < 16 else call.params.since
    return await serve_events(call.request, center_of(call).feed, since)


ROUTES = (
    center_route("GET", places.HEAD, "head", "The signed head", head, Lenient, **OBJECT),
    center_route(
        "GET", places.REVOCATIONS, "revocations", "The signed revocation list", revocations, Lenient, **OBJECT
    ),
    center_route("GET", places.CHANGES, "changes", "Releases that changed, with proofs", changes, Since, **OBJECT),
    center_route(
        "GET",
        f"{places.RELEASES}/{{kind}}/{{id}}",
        "proofs",
        "Every version of one item, with its proof",
        proofs,
        Proved,
    ),
    center_route(
        "POST",
        places.RELEASES,
        "publish",
        "Publish a version, or change the status of one; signed",
        publish,
        Lenient,
        takes=limits.PACKAGE_BYTES + limits.CENTER_ITEM_BYTES,
        errors=(
            "center.not_a_publisher",
            "center.not_your_name",
            "center.version_exists",
            "center.version_is_number",
            "center.replayed",
            "center.other_order",
            "center.wrong_package",
            "center.wrong_tree",
            "record.expired",
            *GONE,
        ),
        **OBJECT,
    ),
    center_route("GET", places.EVENTS, "events", "Events as a stream", events, FromHere, **OBJECT),
    center_route("GET", places.SOCKET, "socket", "Events as a WebSocket", socket, FromHere, **OBJECT),
    center_route("GET", places.SOCKET_ALIAS, "socket_alias", "The same", socket, FromHere, **OBJECT),
)
