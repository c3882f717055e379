"""The one error body of the API (RFC 9457), and which status says what."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from node.api.faults import STATUS
from node.api.route import Told
from protocol import errors
from protocol.errors import OoderError, Param, UsageError
from protocol.messages import MESSAGES

MEDIA_TYPE = "application/problem+json"

BY_CODE: Mapping[str, int] = {
    **STATUS,
    "api.wrong_host": 421,
    "api.foreign_origin": 403,
    "api.cross_site": 403,
    "api.too_fast": 429,
    "api.busy": 503,
    "api.no_token": 401,
    "api.no_header": 401,
    "api.link_used": 401,
    "api.media_type": 415,
    "api.too_large": 413,
    "api.too_slow": 408,
    "api.no_route": 404,
    "api.no_method": 405,
    "api.starting": 503,
    "api.private_file": 500,
    "scan.too_many": 429,
    "source.unknown": 404,
    "source.disabled": 409,
    "scan.nothing_to_ask": 409,
    "ref.malformed": 400,
    "ref.bad_id": 400,
    "index.busy": 503,
    "center.not_here": 404,
    "center.withdrawn": 410,
    "center.too_many": 429,
    "center.not_a_publisher": 403,
    "center.not_your_name": 403,
    "center.other_order": 403,
    "center.other_registry": 403,
    "center.unsigned": 403,
    "center.version_exists": 409,
    "center.replayed": 409,
    "center.version_is_number": 422,
    "center.other_item": 422,
    "center.wrong_package": 422,
    "center.wrong_tree": 422,
    "record.expired": 401,
    "record.bad_signature": 401,
}
BY_CLASS: tuple[tuple[type[OoderError], int], ...] = (
    (errors.UsageError, 400),
    (errors.NotFoundError, 404),
    (errors.DataError, 422),
    (errors.PolicyError, 403),
    (errors.ConflictError, 409),
    (errors.IntegrityError, 502),
    (errors.UnavailableError, 503),
    (errors.StorageError, 507),
)
TITLES = {
    400: "Bad request",
    401: "Sign in first",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    408: "Too slow",
    409: "Conflict",
    410: "Gone",
    413: "Too large",
    415: "Wrong media type",
    421: "Wrong host",
    422: "Unreadable data",
    429: "Too many requests",
    500: "Defect",
    502: "Wrong bytes",
    503: "Not available now",
    507: "Storage failed",
}
EVERYWHERE = (
    "api.wrong_host",
    "api.foreign_origin",
    "api.cross_site",
    "api.too_fast",
    "api.busy",
    "api.bad_request",
    "node.defect",
)
"""What any route may answer."""


class Problem(Told):
    """The body of every answer that is not a success."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    message: str
    next_step: str
    fault: str
    params: dict[str, str | int | float | bool | list[str] | None]


def status_of(error: OoderError) -> int:
    """The HTTP status of an error."""
    if error.code in BY_CODE:
        return BY_CODE[error.code]
    return next((status for kind, status in BY_CLASS if isinstance(error, kind)), 500)


def status_of_code(code: str) -> int:
    """The status a declared code will have, as far as the code tells (for the description)."""
    if code in BY_CODE:
        return BY_CODE[code]
    if (
        code.endswith((".unknown", ".not_pinned", ".no_such_place", ".no_route", ".not_now"))
        and code != "source.unknown"
    ):
        return 404
    return 500 if code.startswith("node.") else 400


def problem(error: OoderError, language: str, instance: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an error."""
    status = status_of(error)
    said = error.body(language)
    body = {
        "type": f"urn:ooder:error:{error.code}",
        "title": TITLES.get(status, "Failed"),
        "status": status,
        "detail": said["message"],
        "instance": instance,
        **said,
    }
    headers = {"Content-Type": f"{MEDIA_TYPE}; charset=utf-8"}
    wait = error.params.get("retry_after")
    if isinstance(wait, int | float):
        headers["Retry-After"] = str(max(1, round(wait)))
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="ooder"'
    return status, headers, encode(body)


def encode(body: Any) -> bytes:
    """JSON as UTF-8; what UTF-8 cannot say (lone surrogates) is escaped."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=str)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(body, separators=(",", ":"), default=str).encode()


def invalid(error: ValidationError, where: str) -> UsageError:
    """What is wrong with parameters or a body: the first problem in words, all as data."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    every: list[str] = [f"{_name(one['loc'], where)}: {_reason(one)}" for one in found[:20]]
    first: Param = _name(found[0]["loc"], where)
    return UsageError("api.bad_request", name=first, reason=_reason(found[0]), all=every)


def _reason(one: Mapping[str, Any]) -> str:
    return "there is no such name" if one["type"] == "extra_forbidden" else str(one["msg"])


def _name(location: tuple[int | str, ...], where: str) -> str:
    return ".".join(map(str, location))[:200] or where


def defect(error: BaseException) -> OoderError:
    """A mistake of this program, without its inside."""
    return OoderError("node.defect", kind=type(error).__name__, reason=str(error)[:200])


assert set(BY_CODE) <= set(MESSAGES)
