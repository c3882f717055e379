"""A plan as JSON, and the digest by which a plan that was read can be told from one that has changed since.

>>> from protocol.install.planned import InstallPlan
>>> empty = InstallPlan("skill:x", 0, (), (), (), (), ())
>>> decode_plan(encode_plan(empty)) == empty
True
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, get_args, get_origin, get_type_hints

from protocol.errors import DataError
from protocol.install.planned import InstallPlan

SCHEMA_VERSION = 1


def encode_plan(plan: InstallPlan) -> dict[str, Any]:
    """The plan as JSON values: field names of the dataclasses, enums by their word. `ref`, `release` and `digest` of the plan are
    added for readers and ignored by `decode_plan`."""
    body: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "digest": plan_digest(plan), **_write(plan)}
    for row, item in zip(body["items"], plan.items, strict=True):
        row["ref"], row["release"] = str(item.ref), item.release
    for row, question in zip(body["questions"], plan.questions, strict=True):
        row["code"], row["params"] = question.code, question.params
    return body


def decode_plan(body: Mapping[str, Any]) -> InstallPlan:
    """The twin of `encode_plan`. Raises DataError `plan.bad_record`."""
    if body.get("schema_version") != SCHEMA_VERSION:
        raise _bad(f"schema_version {body.get('schema_version')!r} is not {SCHEMA_VERSION}")
    plan = _read(InstallPlan, body, "plan")
    assert isinstance(plan, InstallPlan)
    if body.get("digest") != plan_digest(plan):
        raise _bad("its digest does not match its content")
    return plan


def plan_digest(plan: InstallPlan) -> str:
    """ "sha256:" + 64 hex over everything but `made_at`: equal for two plans that would do the same on the same generation."""
    body = _write(plan)
    del body["made_at"]
    text = json.dumps(body, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _write(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: _write(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, tuple):
        return [_write(one) for one in value]
    return value


@lru_cache(maxsize=64)
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _read(kind: Any, value: Any, place: str) -> Any:
    """`value` as `kind`: a dataclass, an enum, a tuple of one kind, or a plain scalar."""
    if is_dataclass(kind) and isinstance(kind, type):
        if not isinstance(value, Mapping):
            raise _bad(f"{place} is no object")
        hints = _hints(kind)
        names = [one.name for one in fields(kind)]
        missing = [name for name in names if name not in value]
        if missing:
            raise _bad(f"{place} has no {missing[0]}")
        return kind(**{name: _read(hints[name], value[name], f"{place}.{name}") for name in names})
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise _bad(f"{place} is no list")
        inner = get_args(kind)[0]
        return tuple(_read(inner, one, f"{place}[{at}]") for at, one in enumerate(value))
    if isinstance(kind, type) and issubclass(kind, Enum):
        try:
            return kind(value)
        except ValueError:
            raise _bad(f"{place}: {str(value)[:40]!r} is no such word") from None
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        raise _bad(f"{place} is no {kind.__name__}")
    return value


def _bad(reason: str) -> DataError:
    return DataError("plan.bad_record", reason=reason)
