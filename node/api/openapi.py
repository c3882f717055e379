"""The API's own description (OpenAPI 3.1), made from the route table."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import TypeAdapter

from node.api.problems import EVERYWHERE, MEDIA_TYPE, TITLES, Problem, status_of_code
from node.api.route import Access, Answer, Audience, Route
from node.api.routes import routes_of
from node.version import __version__

TEMPLATE = "#/components/schemas/{model}"


@cache
def description(audience: Audience = Audience.CONTROL) -> dict[str, Any]:
    """The OpenAPI document of one plane."""
    schemas: dict[str, Any] = {}
    paths: dict[str, Any] = {}
    _schema(Problem, "serialization", schemas)
    for route in routes_of(audience):
        paths.setdefault(plain_path(route), {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ooder-discovery-node",
            "version": __version__,
            "summary": "Find, compare and install scenes, capabilities, skills and agents.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The content of OODER_HOME/run/token. Browsers use a session instead: cookie and `X-Ooder: 1`.",
                }
            },
        },
        "security": [{"token": []}] if audience is Audience.CONTROL else [],
    }


def plain_path(route: Route) -> str:
    """The path as OpenAPI writes it."""
    return route.path.replace(":.+}", "}")


def codes_of(route: Route) -> tuple[str, ...]:
    """Every error a route may answer."""
    codes = [*EVERYWHERE, *route.errors]
    if route.access is not Access.OPEN and Audience.CONTROL in route.audience:
        codes += ["api.no_token", "api.no_header"]
    if route.body is not None:
        codes += ["api.media_type", "api.too_large", "api.too_slow"]
    return tuple(dict.fromkeys(codes))


def _operation(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "tags": [route.topic],
        "parameters": _parameters(route, schemas),
        "responses": {str(route.status): _success(route, schemas), **_failures(route)},
    }
    if route.body is not None:
        found["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _schema(route.body, "validation", schemas)}},
        }
    if route.access is Access.OPEN:
        found["security"] = []
    if route.kind is Answer.SOCKET:
        found["x-websocket"] = True
    return found


def _parameters(route: Route, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    model = TypeAdapter(route.params).json_schema(ref_template=TEMPLATE)
    _add(model.pop("$defs", {}), schemas)
    needed = model.get("required", [])
    found = []
    for name, schema in model.get("properties", {}).items():
        inside = f"{{{name}}}" in plain_path(route)
        entry = {"name": name, "in": "path" if inside else "query", "required": inside or name in needed}
        if text := schema.pop("description", ""):
            entry["description"] = text
        schema.pop("title", None)
        found.append({**entry, "schema": _without_null(schema)})
    return found


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """An absent parameter is null inside; nobody can send null in a query."""
    kinds = [one for one in schema.get("anyOf", []) if one.get("type") != "null"]
    if len(kinds) == 1 and len(kinds) < len(schema["anyOf"]):
        return {**kinds[0], **({"default": schema["default"]} if schema.get("default") is not None else {})}
    return schema


def _success(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any]
    if route.kind is Answer.TEXT:
        content = {kind: {"schema": {"type": "string"}} for kind in ("text/plain", "application/openmetrics-text")}
    elif route.kind is Answer.FILE:
        content = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    else:
        content = {"application/json": {"schema": _schema(route.answer, "serialization", schemas)}}
    if route.kind is Answer.EVENTS:
        content["text/event-stream"] = {"schema": {"type": "string"}}
    return {"description": route.summary, "content": content}


def _failures(route: Route) -> dict[str, Any]:
    by_status: dict[int, list[str]] = {}
    for code in codes_of(route):
        by_status.setdefault(status_of_code(code), []).append(code)
    found: dict[str, Any] = {}
    if route.tagged:
        found["304"] = {"description": "What the caller has is still true"}
    for status, codes in sorted(by_status.items()):
        found[str(status)] = {
            "description": f"{TITLES.get(status, 'Failed')}: {', '.join(codes)}",
            "content": {MEDIA_TYPE: {"schema": {"$ref": TEMPLATE.format(model="Problem")}}},
        }
    return found


def _schema(model: Any, mode: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """A reference to a model's schema, which is put among the others; plain types stand for themselves."""
    found = TypeAdapter(model).json_schema(mode=mode, ref_template=TEMPLATE)
    _add(found.pop("$defs", {}), schemas)
    name = found.get("title") if found.get("type") == "object" and "properties" in found else None
    if name is None:
        return found
    _add({name: found}, schemas)
    return {"$ref": TEMPLATE.format(model=name)}


def _add(found: dict[str, Any], schemas: dict[str, Any]) -> None:
    for name, schema in found.items():
        if schemas.setdefault(name, schema) != schema:
            raise TypeError(f"two shapes of the API are called {name}")
