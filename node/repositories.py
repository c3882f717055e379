"""Repositories of forges as people look for them: what the forge says of each, and which items it holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from node.service import Service
from protocol import limits
from protocol.items import Json
from protocol.query import Order, Query

FORGES = ("github", "gitee")


def repositories(
    service: Service, platform: str = "", text: str = "", order: Order = Order.STARS
) -> list[dict[str, Any]]:
    """Repositories seen by the forges (or by one), in the order of their best item. Blocking. Raises UsageError `query.too_long`."""
    sources = frozenset({platform} if platform else FORGES)
    query = Query(text, sources=sources, order=order, limit=limits.REPOSITORY_ITEMS)
    found: dict[str, dict[str, Any]] = {}
    for row in service.search(query).rows:
        entry = service.entry(row.ref.kind, row.ref.id)
        about = entry.item.facts.get("forge") if entry else None
        if isinstance(about, Mapping):
            page = _text(about, "page") or _text(about, "name")
            one = found.setdefault(page, {**_about(about), "source": _platform(row.sources), "items": []})
            one["items"].append(str(row.ref))
    return list(found.values())


def _platform(sources: tuple[str, ...]) -> str:
    return next((name for name in sources if name in FORGES), sources[0] if sources else "")


def _about(about: Mapping[str, Json]) -> dict[str, Any]:
    topics = about.get("topics")
    return {
        **{name: _text(about, name) for name in ("name", "page", "owner", "description", "license")},
        **{name: _number(about, name) for name in ("stars", "forks", "updated")},
        "topics": [str(one)[: limits.NAME_CHARS] for one in topics] if isinstance(topics, list) else [],
        "archived": about.get("archived") is True,
    }


def _text(about: Mapping[str, Json], name: str) -> str:
    value = about.get(name)
    return value[: limits.DESCRIPTION_CHARS] if isinstance(value, str) else ""


def _number(about: Mapping[str, Json], name: str) -> float:
    value = about.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
