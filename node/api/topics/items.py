"""Items: lists, searches and the whole of one name."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from node.api import schemas
from node.api.route import Asked, Call, Route
from node.scopes import sources_of
from protocol import limits
from protocol.query import Freshness, Order, Query, Scope, Trust
from protocol.refs import Kind, parse_ref


class Search(Asked):
    """What is looked for. Without anything: everything, most trusted first."""

    q: str = Field(default="", max_length=limits.QUERY_CHARS, description="words in Chinese or English, `*`, or a ref")
    kind: tuple[Kind, ...] = Field(default=(), max_length=4)
    trust: Trust = Field(default=Trust.UNVERIFIED, description="at least this trust")
    freshness: tuple[Freshness, ...] = Field(default=(), max_length=3)
    source: tuple[str, ...] = Field(default=(), max_length=16, description="seen by one of these sources")
    scope: Scope | None = Field(default=None, description="seen by one of the sources of this scope")
    category: str = Field(default="", max_length=limits.NAME_CHARS)
    capability: str = Field(default="", max_length=limits.ID_CHARS, description="provides or needs this capability")
    sort: Order = Field(default=Order.RELEVANCE, description="what comes first")
    limit: int = Field(default=50, ge=1, le=limits.PAGE_ROWS)
    offset: int = Field(default=0, ge=0, le=1_000_000)


class Name(Asked):
    """A ref in the path."""

    ref: schemas.AnyRef


async def search(call: Call) -> dict[str, Any]:
    """Rows that match, ranked as on the command line."""
    asked: Search = call.params
    service = call.desk.service
    query = Query(
        asked.q,
        frozenset(asked.kind),
        asked.trust,
        frozenset(asked.freshness),
        _sources(call, asked),
        asked.category,
        asked.capability,
        asked.limit,
        asked.offset,
        asked.sort,
    )
    answer = await call.desk.read(lambda: service.search(query))
    end = asked.offset + len(answer.rows)
    more = bool(answer.rows) and (end < answer.page.total or (answer.page.more and len(answer.rows) == asked.limit))
    return {**answer.body(), "next_offset": end if more else None}


def _sources(call: Call, asked: Search) -> frozenset[str]:
    """The sources to filter by; none when the scope asks all there are, which costs less."""
    named = frozenset(asked.source)
    if asked.scope is None:
        return named
    config = call.desk.service.config
    of_scope = frozenset(sources_of(config, asked.scope))
    if named:
        return (named & of_scope) or frozenset({"-"})
    return frozenset() if of_scope >= frozenset(config.source_names()) else of_scope or frozenset({"-"})


async def show(call: Call) -> dict[str, Any]:
    """One item with everything known about it."""
    ref = parse_ref(call.params.ref)
    service = call.desk.service
    return await call.desk.read(lambda: dict(service.detail(ref.any_version, call.language)))


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/items",
        name="search_items",
        summary="List or search scenes, capabilities, skills and agents",
        handler=search,
        params=Search,
        answer=schemas.Rows,
        errors=("query.too_long",),
        tagged=True,
        held=limits.API_SEARCH_SECONDS,
    ),
    Route(
        method="GET",
        path="/api/v1/items/{ref}",
        name="show_item",
        summary="One item: sightings, conflicts, trust with reasons, providers compared",
        handler=show,
        params=Name,
        answer=schemas.Detail,
        errors=("item.unknown", "item.gone", "ref.malformed", "ref.bad_id"),
        tagged=True,
        held=limits.API_ANSWER_SECONDS,
    ),
)
