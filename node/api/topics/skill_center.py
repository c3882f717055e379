"""The guide's SkillCenter interface on the peer plane, as the existing Java client asks for it (WIRE 3.6): bare arrays, flat rows,
paging by headers; and beside it what proves every row (docs/protocol/skill-center.md)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web
from pydantic import Field

from node.api.problems import encode
from node.api.route import Call
from node.skill_center.answering import (
    API,
    GONE,
    OBJECT,
    Lenient,
    center_route,
    json_answer,
    kind_of,
    tagged,
)
from node.skill_center.shelf import Wanted
from protocol import limits
from protocol.errors import NotFoundError, PolicyError, UnavailableError
from protocol.refs import Kind, check_id
from protocol.skill_center import places
from protocol.words import fold

_FACETS = {"category": "category:", "capId": "provides:", "capability": "provides:", "tag": "tag:", "sceneId": "scene:"}


class Lists(Lenient):
    """What a list holds, and which part of it. `page` counts from 1."""

    q: str = Field(default="", max_length=limits.QUERY_CHARS)
    category: str = Field(default="", max_length=limits.NAME_CHARS)
    capId: str = Field(default="", max_length=limits.ID_CHARS)  # noqa: N815 - the guide's name
    sceneId: str = Field(default="", max_length=limits.ID_CHARS)  # noqa: N815
    tag: str = Field(default="", max_length=limits.NAME_CHARS)
    limit: int | None = Field(default=None, ge=1, le=limits.PAGE_ROWS)
    offset: int = Field(default=0, ge=0, le=10_000_000)
    page: int = Field(default=0, ge=0, le=10_000_000)
    size: int = Field(default=0, ge=0, le=limits.PAGE_ROWS)


class OneName(Lenient):
    """An id in the path."""

    id: str = Field(max_length=limits.ID_CHARS)


class NamedList(Lists):
    """A list by a name in the path."""

    name: str = Field(max_length=limits.NAME_CHARS)
    sub: str = Field(default="", max_length=limits.NAME_CHARS)


class Download(Lenient):
    """A version, or `latest`."""

    id: str = Field(max_length=limits.ID_CHARS)
    version: str = Field(max_length=limits.VERSION_CHARS)
    kind: str = Field(default="skill", max_length=20)


class SearchBody(Lenient):
    """What is looked for."""

    query: str = Field(default="", max_length=limits.QUERY_CHARS)
    limit: int = Field(default=limits.CENTER_FOUND, ge=1, le=limits.PAGE_ROWS)
    offset: int = Field(default=0, ge=0, le=10_000_000)


class TagsBody(Lenient):
    """Tags, all of which have to be there."""

    tags: tuple[str, ...] = Field(default=(), max_length=16)


# --- Answers ----------------------------------------------------------------------------------------------------------
def _pages(path: str, wanted: Wanted, total: int, more: bool) -> dict[str, str]:
    """`X-Total-Count` and `Link`, as far as they are known."""
    headers = {"X-Total-Count": str(total)}
    if more:
        headers["X-Total-Is-Lower-Bound"] = "true"
    links = []
    if wanted.offset + wanted.limit < total:
        links.append(f'<{path}?limit={wanted.limit}&offset={wanted.offset + wanted.limit}>; rel="next"')
    if wanted.offset:
        links.append(f'<{path}?limit={wanted.limit}&offset={max(0, wanted.offset - wanted.limit)}>; rel="prev"')
    if links:
        headers["Link"] = ", ".join(links)
    return headers


async def _listed(call: Call, wanted: Wanted) -> web.Response:
    center = call.desk.shelves

    def make() -> tuple[str, dict[str, str]]:
        shown = center.rows(wanted)
        return shown.body, _pages(call.request.path, wanted, shown.total, shown.more)

    return await tagged(call, wanted, make)


def _wanted(kind: Kind, asked: Lists, *more: str) -> Wanted:
    facets = [prefix + fold(getattr(asked, name)) for name, prefix in _FACETS.items() if getattr(asked, name, "")]
    size = asked.size or asked.limit or (limits.CENTER_FOUND if asked.q.strip() else limits.CENTER_PAGE)
    offset = (asked.page - 1) * size if asked.page else asked.offset
    return Wanted(kind, asked.q.strip(), (*facets, *more), size, offset)


def _lists(kind: Kind) -> Callable[[Call], Awaitable[web.Response]]:
    async def list_rows(call: Call) -> web.Response:
        """Rows of one kind."""
        return await _listed(call, _wanted(kind, call.params))

    return list_rows


def _shows(kind: Kind) -> Callable[[Call], Awaitable[web.Response]]:
    async def show_row(call: Call) -> web.Response:
        """One row."""
        center, id_ = call.desk.shelves, check_id(call.params.id)

        def make() -> tuple[str, dict[str, str]]:
            row = center.row(kind, id_)
            if not row:
                raise NotFoundError("center.unknown", ref=f"{kind.prefix}:{id_}")
            return row, {}

        return await tagged(call, (kind, id_), make)

    return show_row


def _by(prefix: str) -> Callable[[Call], Awaitable[web.Response]]:
    async def list_by_name(call: Call) -> web.Response:
        """Skills by a name in the path."""
        asked: NamedList = call.params
        more = [prefix + fold(asked.name)]
        if asked.sub:
            more = [f"subcategory:{fold(asked.name)}/{fold(asked.sub)}"]
        return await _listed(call, _wanted(Kind.SKILL, asked, *more))

    return list_by_name


async def search(call: Call) -> web.Response:
    """Skills that match, ranked as on the command line."""
    body: SearchBody = call.body
    return await _listed(call, Wanted(Kind.SKILL, body.query.strip(), (), body.limit, body.offset))


async def search_tags(call: Call) -> web.Response:
    """Skills that carry all tags."""
    facets = tuple(f"tag:{fold(tag)}" for tag in call.body.tags if tag.strip())
    return await _listed(call, Wanted(Kind.SKILL, "", facets, limits.PAGE_ROWS))


async def versions(call: Call) -> web.Response:
    """Versions of a skill, newest first, as a bare array of texts."""
    center, id_ = call.desk.shelves, check_id(call.params.id)

    def make() -> tuple[str, dict[str, str]]:
        found = center.versions(Kind.SKILL, id_)
        if not found and not center.row(Kind.SKILL, id_):
            raise NotFoundError("center.unknown", ref=f"skill:{id_}")
        return encode(found).decode(), {}

    return await tagged(call, ("versions", id_), make)


async def categories(call: Call) -> web.Response:
    """Categories of skills."""
    center = call.desk.shelves
    return await tagged(call, "categories", lambda: (encode(center.categories()).decode(), {}))


async def download(call: Call) -> web.StreamResponse:
    """A package file; ranges work."""
    center, asked = call.desk.shelves, call.params
    kind = kind_of(asked.kind)
    path = await center.read(lambda: center.package(kind, check_id(asked.id), asked.version))
    name = f"{asked.id}-{asked.version}.skill"
    return web.FileResponse(
        path,
        headers={
            "Content-Type": "application/octet-stream",
            "Content-Disposition": f'attachment; filename="{name}"' if name.isascii() else "attachment",
            "ETag": f'"{path.stem}"',
            "Digest": f"sha-256={path.stem}",
        },
    )


async def health(call: Call) -> web.Response:
    """Well, and everything there is is shown."""
    if call.desk.center is not None and not call.desk.center.caught_up.is_set():
        raise UnavailableError("api.starting", retry_after=5)
    return json_answer({"status": "UP", "success": True})


async def not_so(call: Call) -> web.Response:
    """Unsigned registration is not taken."""
    raise PolicyError("center.unsigned")


async def not_a_meeting(call: Call) -> web.Response:
    """Scenes are joined at the node that runs them."""
    return json_answer({"success": False, "sceneGroupId": "", "error": "scenes are joined at the node that runs them"})


# --- The table --------------------------------------------------------------------------------------------------------
_NAMES = {Kind.SKILL: "skill", Kind.SCENE: "scene", Kind.CAPABILITY: "capability", Kind.AGENT: "agent"}

ROUTES = (
    center_route(
        "GET", places.HEALTH, "health", "A SkillCenter is here", health, Lenient, errors=("api.starting",), **OBJECT
    ),
    center_route("GET", places.CATEGORIES, "categories", "Categories of skills", categories, Lenient),
    center_route(
        "POST",
        f"{API}/skills/search",
        "search",
        "Search skills, ranked as `ooder search`",
        search,
        Lenient,
        body=SearchBody,
        errors=("query.too_long", *GONE),
    ),
    center_route(
        "POST", f"{API}/skills/tags/search", "tags", "Skills that carry all tags", search_tags, Lenient, body=TagsBody
    ),
    center_route(
        "GET", f"{API}/skills/scene/{{name}}", "by_scene", "Skills made for a scene", _by("scene:"), NamedList
    ),
    center_route(
        "GET",
        f"{API}/skills/capability/{{name}}",
        "by_capability",
        "Skills that provide a capability",
        _by("provides:"),
        NamedList,
    ),
    center_route(
        "GET", f"{API}/skills/category/{{name}}", "by_category", "Skills of a category", _by("category:"), NamedList
    ),
    center_route(
        "GET",
        f"{API}/skills/category/{{name}}/{{sub}}",
        "by_subcategory",
        "Skills of a subcategory",
        _by("category:"),
        NamedList,
    ),
    center_route(
        "GET", f"{API}/skills/{{id}}/versions", "versions", "Versions of a skill", versions, OneName, answer=list[str]
    ),
    center_route(
        "GET",
        f"{API}/skills/{{id}}/manifest",
        "manifest",
        "What is known of a skill",
        _shows(Kind.SKILL),
        OneName,
        **OBJECT,
    ),
    center_route(
        "PUT", f"{API}/skills/{{id}}/metadata", "change", "Refused: changes are signed", not_so, OneName, **OBJECT
    ),
    center_route("POST", f"{API}/skills", "register", "Refused: releases are signed", not_so, Lenient, **OBJECT),
    center_route(
        "DELETE", f"{API}/skills/{{id}}", "remove", "Refused: versions are immutable", not_so, OneName, **OBJECT
    ),
    *(
        center_route(
            "POST",
            f"{API}/scenes/{{id}}/{word}",
            word,
            "Answers that this is not the place",
            not_a_meeting,
            OneName,
            **OBJECT,
        )
        for word in ("join", "leave")
    ),
    *(
        center_route("GET", places.list_path(kind), f"{name}_list", f"List or search: {name}", _lists(kind), Lists)
        for kind, name in _NAMES.items()
    ),
    *(
        center_route(
            "GET", places.item_path(kind, "{id}"), f"{name}_row", f"One {name}", _shows(kind), OneName, **OBJECT
        )
        for kind, name in _NAMES.items()
    ),
    center_route(
        "GET",
        f"{places.DOWNLOAD}/{{id}}/{{version}}",
        "download",
        "A package file; ranges work",
        download,
        Download,
        answer=bytes,
        errors=("center.withdrawn", "center.no_package", *GONE),
    ),
)
