"""From the text of a request to validated parameters and body, and from a handler's answer to validated bytes."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from node.api.problems import defect, encode, invalid
from node.api.route import Route
from protocol.errors import UsageError


@cache
def _many(model: type[BaseModel]) -> frozenset[str]:
    """Parameters that may be given several times."""
    return frozenset(name for name, field in model.model_fields.items() if _is_list(field.annotation))


def _is_list(annotation: Any) -> bool:
    if get_origin(annotation) in (Union, types.UnionType):
        return any(_is_list(one) for one in get_args(annotation))
    return get_origin(annotation) in (tuple, list)


def read_params(route: Route, path: Mapping[str, str], query: Iterable[tuple[str, str]]) -> BaseModel:
    """Parameters of path and query. Raises UsageError `api.bad_request`."""
    values: dict[str, Any] = dict(path)
    many = _many(route.params)
    for name, value in query:
        if name in many:
            values.setdefault(name, []).append(value)
        elif name in values:
            raise UsageError("api.bad_request", name=name[:100], reason="given twice")
        else:
            values[name] = value
    try:
        return route.params.model_validate(values)
    except ValidationError as error:
        raise invalid(error, "query") from None


def read_body(route: Route, data: bytes) -> BaseModel | None:
    """The body, where the route takes one. Raises UsageError `api.bad_request`."""
    if route.body is None:
        if data:
            raise UsageError("api.bad_request", name="body", reason="this takes no body")
        return None
    try:
        return route.body.model_validate_json(data, strict=True)
    except ValidationError as error:
        raise invalid(error, "body") from None


@cache
def answer_adapter(answer: Any) -> TypeAdapter[Any]:
    """Validates what a handler returns."""
    return TypeAdapter(answer)


def write_answer(route: Route, value: Any) -> bytes:
    """The answer as JSON. Raises OoderError `node.defect` when it is not what the route declares."""
    try:
        checked = answer_adapter(route.answer).validate_python(value)
    except ValidationError as error:
        raise defect(invalid(error, route.name)) from error
    if isinstance(checked, BaseModel):
        try:
            return checked.__pydantic_serializer__.to_json(checked, exclude_unset=True)
        except PydanticSerializationError:  # text that UTF-8 cannot say
            return encode(checked.model_dump(mode="json", exclude_unset=True))
    return encode(checked)
