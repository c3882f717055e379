"""The web page: files of node/web, from package data, read once and never from anywhere else."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import NamedTuple

from aiohttp import web

from protocol.errors import NotFoundError

TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
TEXT = ("text/", "application/json", "image/svg+xml")


class Page(NamedTuple):
    """A file as it is sent; `packed` is its data with gzip, empty where that does not help."""

    data: bytes
    packed: bytes
    media_type: str
    tag: str


@cache
def page(path: str) -> Page:
    """A file below node/web. Raises NotFoundError `api.no_route`."""
    found: Traversable = resources.files("node") / "web"
    for part in path.split("/"):
        if part in ("", ".", "..") or part.startswith((".", "_")) or "\\" in part or "\0" in part or len(part) > 100:
            raise NotFoundError("api.no_route", path=f"/web/{path}"[:200])
        found = found / part
    if not found.is_file() or path.endswith(".py"):
        raise NotFoundError("api.no_route", path=f"/web/{path}"[:200])
    data = found.read_bytes()
    ending = path[path.rfind(".") :]
    kind = TYPES.get(ending) or mimetypes.guess_type(path)[0] or "application/octet-stream"
    if kind.startswith(TEXT):
        kind += "; charset=utf-8"
    packed = gzip.compress(data, 9, mtime=0) if kind.startswith(TEXT) else b""
    return Page(data, packed, kind, f'"{hashlib.blake2b(data, digest_size=12).hexdigest()}"')


@cache
def mark() -> str:
    """Changes with every change of the page's files. Addresses that carry it may be kept for ever."""
    found = hashlib.blake2b(digest_size=6)
    root = resources.files("node") / "web"
    for folder in ("css", "js", "text"):
        for file in sorted((root / folder).iterdir(), key=lambda one: one.name):
            found.update(file.name.encode() + file.read_bytes())
    return f"~{found.hexdigest()}"


@cache
def first_page() -> Page:
    """index.html, whose addresses carry the mark."""
    plain = page("index.html")
    data = plain.data.replace(b'"/web/', f'"/web/{mark()}/'.encode())
    tag = f'"{hashlib.blake2b(data, digest_size=12).hexdigest()}"'
    return Page(data, gzip.compress(data, 9, mtime=0), plain.media_type, tag)


def page_routes() -> list[web.RouteDef]:
    """`/`, `/web/...` and the icon browsers ask for."""

    async def first(request: web.Request) -> web.StreamResponse:
        return _send(request, first_page())

    async def other(request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        if not path.startswith("~"):
            return _send(request, page(path))
        marked, _, rest = path.partition("/")
        return _send(request, page(rest), for_ever=marked == mark())

    async def icon(request: web.Request) -> web.StreamResponse:
        return _send(request, page("icon.svg"))

    return [web.get("/", first), web.get("/web/{path:.+}", other), web.get("/favicon.ico", icon)]


def _send(request: web.Request, found: Page, *, for_ever: bool = False) -> web.Response:
    packed = bool(found.packed) and "gzip" in request.headers.get("Accept-Encoding", "")
    tag = f'{found.tag[:-1]}-gzip"' if packed else found.tag
    keep = "private, max-age=31536000, immutable" if for_ever else "no-cache"
    headers = {"ETag": tag, "Cache-Control": keep, "Vary": "Accept-Encoding"}
    if tag in request.headers.get("If-None-Match", ""):
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = found.media_type
    if packed:
        headers["Content-Encoding"] = "gzip"
    return web.Response(body=found.packed if packed else found.data, headers=headers)
