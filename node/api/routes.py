"""All routes of both planes, from the files in topics/."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

import node.api.topics
from node.api.route import Audience, Route


@cache
def all_routes() -> tuple[Route, ...]:
    """Every route, by topic."""
    found: list[Route] = []
    for module in sorted(pkgutil.iter_modules(node.api.topics.__path__), key=lambda one: one.name):
        found += importlib.import_module(f"node.api.topics.{module.name}").ROUTES
    return tuple(found)


def routes_of(audience: Audience) -> tuple[Route, ...]:
    """The routes of one plane."""
    return tuple(route for route in all_routes() if audience in route.audience)
