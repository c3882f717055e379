"""Repositories of forges."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from node.api import schemas
from node.api.route import Asked, Call, Route, Told
from node.repositories import repositories
from protocol import limits
from protocol.query import Order


class Wanted(Asked):
    """Which, and what comes first."""

    q: str = Field(default="", max_length=limits.QUERY_CHARS)
    platform: Literal["", "github", "gitee"] = ""
    sort: Order = Order.STARS


class Repository(Told):
    """What a forge says of a repository: shown, never trusted. `items` are the refs it holds."""

    name: str
    page: str
    source: str
    owner: str
    description: str
    license: str
    topics: list[str]
    stars: float
    forks: float
    updated: float = schemas.Wall
    archived: bool
    items: list[str]


class Repositories(Told):
    """Repositories seen so far."""

    repositories: list[Repository]


async def list_repositories(call: Call) -> dict[str, Any]:
    """Repositories of forges with what they hold."""
    asked: Wanted = call.params
    service = call.desk.service
    found = await call.desk.read(lambda: repositories(service, asked.platform, asked.q, asked.sort))
    return {"repositories": found}


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/repositories",
        name="list_repositories",
        summary="Repositories of forges, with stars, forks and what they hold",
        handler=list_repositories,
        params=Wanted,
        answer=Repositories,
        errors=("query.too_long",),
        held=limits.API_ANSWER_SECONDS,
    ),
)
