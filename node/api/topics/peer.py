"""The peer plane: read-only, public, only what this node chose to share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiohttp import web
from pydantic import Field

from node.api.clients import client_of
from node.api.peer_bytes import send_files
from node.api.peer_news import serve_news
from node.api.problems import encode
from node.api.route import PEER, Answer, Asked, Call, Route, Told
from protocol import limits
from protocol.errors import NotFoundError
from protocol.refs import parse_ref

DIGEST = r"^sha256:[0-9a-f]{64}$"


class Myself(Told):
    """Who this node is. `catalogue` is the digest of what it offers: the same digest, the same offer."""

    name: str
    version: str
    agent_id: str
    key: str
    signature: str
    catalogue: str


class Asking(Asked):
    """Who asks: a signed record of `protocol.catalogue`; strangers leave it out and see what everyone may."""

    ask: str = Field(default="", max_length=limits.RECORD_UDP_BYTES)


class Since(Asking):
    """The number of the last change that is known."""

    since: int = Field(default=0, ge=0, le=2**62)
    limit: int = Field(default=limits.PAGE_ROWS, ge=1, le=limits.PAGE_ROWS)


class Changes(Told):
    """What changed in the offer. `full`: forget what was known before. `head` is signed and has the digest of all rows."""

    last: int
    full: bool
    items: list[dict[str, Any]]
    gone: list[str]
    more: bool
    head: str


class Head(Told):
    """What the offer is now, for who asks. `digest` is that of all rows (as in a signed `head`), `last` the number to ask changes since."""

    last: int
    digest: str


class Pairing(Asked):
    """The other side: its fingerprint, and what it committed to."""

    key: str = Field(min_length=52, max_length=52)
    commitment: str = Field(pattern=r"^[0-9a-f]{64}$")


class Paired(Told):
    """Our side of a pairing."""

    key: str
    commitment: str
    number: str
    state: str


class Name(Asking):
    """A ref in the path."""

    ref: str = Field(max_length=2 * limits.ID_CHARS)


class Tree(Asking):
    """A tree by its digest."""

    digest: str = Field(pattern=DIGEST)


class TreeFile(Tree):
    """A file of a tree."""

    path: str = Field(min_length=1, max_length=1_024)


class OneFile(Told):
    """A file of a shared tree."""

    path: str
    size: int
    digest: str
    executable: bool


class Files(Told):
    """A shared tree."""

    digest: str
    files: list[OneFile]


async def myself(call: Call) -> Mapping[str, Any]:
    """Who this node is."""
    return await call.desk.read(call.desk.offers.myself)


async def changes(call: Call) -> Mapping[str, Any]:
    """What this node offers, since a change."""
    return await call.desk.read(lambda: call.desk.offers.changes(call.params.since, call.params.limit, call.params.ask))


async def listen(call: Call) -> web.StreamResponse:
    """Number and digest of the offer: once, or as a stream of every change of them."""
    key = await call.desk.read(lambda: call.desk.offers.asker(call.params.ask))
    request = call.request
    if request.method == "GET" and "text/event-stream" in request.headers.get("Accept", ""):
        return await serve_news(request, call.desk.news, key, client_of(request, call.desk))
    body = encode(dict(await call.desk.news.state(key)))
    return web.Response(body=body, content_type="application/json", charset="utf-8")


async def pair(call: Call) -> Mapping[str, Any]:
    """Our side of a pairing, while the user pairs."""
    pairing = call.desk.service.ports.lan.pairing
    if pairing is None:
        raise NotFoundError("pair.not_now")
    return pairing.answer(call.params.key, call.params.commitment)


async def detail(call: Call) -> Mapping[str, Any]:
    """One shared item."""
    ref = parse_ref(call.params.ref)
    return await call.desk.read(lambda: call.desk.offers.detail(ref, call.language, call.params.ask))


async def files(call: Call) -> dict[str, Any]:
    """The files of a shared tree."""
    digest = call.params.digest
    return {
        "digest": digest,
        "files": list(await call.desk.read(lambda: call.desk.offers.files(digest, call.params.ask))),
    }


async def one_file(call: Call) -> Path:
    """The bytes of one file; ranges work."""
    return await call.desk.read(lambda: call.desk.offers.file(call.params.digest, call.params.path, call.params.ask))


async def whole(call: Call) -> web.StreamResponse:
    """The bytes of all files of a shared tree; ranges work."""
    params, read = call.params, call.desk.read
    return await send_files(call.request, await read(lambda: call.desk.offers.whole(params.digest, params.ask)), read)


ROUTES = (
    Route(
        method="GET",
        path="/peer/v1/self",
        name="peer_self",
        summary="Who this node is",
        handler=myself,
        answer=Myself,
        audience=PEER,
        tagged=True,
        held=limits.API_ANSWER_SECONDS,
    ),
    Route(
        method="GET",
        path="/peer/v1/offers",
        name="peer_offers",
        summary="What this node offers, or what changed in it",
        handler=changes,
        params=Since,
        answer=Changes,
        audience=PEER,
        tagged=True,
        held=limits.API_ANSWER_SECONDS,
    ),
    Route(
        method="GET",
        path="/peer/v1/offers/{ref}",
        name="peer_offer",
        summary="One shared item in full",
        handler=detail,
        params=Name,
        answer=dict[str, Any],
        audience=PEER,
        errors=("offer.unknown", "ref.malformed", "ref.bad_id"),
        tagged=True,
        held=limits.API_ANSWER_SECONDS,
    ),
    Route(
        method="GET",
        path="/peer/v1/changes",
        name="peer_changes",
        summary="Number and digest of the offer; with Accept: text/event-stream every change of them",
        handler=listen,
        params=Asking,
        answer=Head,
        audience=PEER,
        kind=Answer.RAW,
        errors=("api.busy",),
    ),
    Route(
        method="GET",
        path="/peer/v1/pair",
        name="peer_pair",
        summary="This side of a pairing, while its user pairs",
        handler=pair,
        params=Pairing,
        answer=Paired,
        audience=PEER,
        errors=("pair.not_now",),
    ),
    Route(
        method="GET",
        path="/peer/v1/packages/{digest}",
        name="peer_package",
        summary="The files of a shared tree",
        handler=files,
        params=Tree,
        answer=Files,
        audience=PEER,
        errors=("offer.unknown",),
        tagged=True,
        held=limits.API_ANSWER_SECONDS,
    ),
    Route(
        method="GET",
        path="/peer/v1/packages/{digest}/{path:.+}",
        name="peer_package_file",
        summary="One file of a shared tree; ranges work",
        handler=one_file,
        params=TreeFile,
        answer=bytes,
        audience=PEER,
        kind=Answer.FILE,
        errors=("offer.unknown",),
    ),
    Route(
        method="GET",
        path="/peer/v1/trees/{digest}",
        name="peer_tree",
        summary="All files of a shared tree end to end, sorted by path; ranges work",
        handler=whole,
        params=Tree,
        answer=bytes,
        audience=PEER,
        kind=Answer.RAW,
        errors=("offer.unknown",),
    ),
)
