"""A registry through the outbound door: what a publisher asks and sends, and its refusals as the errors they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from protocol import errors, limits
from protocol.errors import DataError, OoderError, Param, UnavailableError
from protocol.http.exchange import HttpAnswer, HttpBounds, HttpRequest, host_of
from protocol.item_json import read_json
from protocol.messages import MESSAGES
from sources.ports import Http

_REFUSALS = frozenset({400, 401, 403, 404, 405, 408, 409, 410, 413, 415, 422, 507})
_BY_FAULT: Mapping[str, type[OoderError]] = {
    "call": errors.UsageError,
    "data": errors.DataError,
    "wire": errors.UnavailableError,
    "disk": errors.StorageError,
    "policy": errors.PolicyError,
    "conflict": errors.ConflictError,
    "integrity": errors.IntegrityError,
}
SECONDS_FOR_EACH_MIB = 20.0  # of an upload, at 50 kB/s


def bounds_of(base: str) -> HttpBounds:
    """The way out to a registry that a person named; it may have a private address. Raises DataError `http.bad_url`."""
    return HttpBounds(hosts=frozenset({host_of(base)}))


class HttpRegistry:
    """Implements `node.skill_center.publishing.Registry` for the registry at `base`."""

    def __init__(self, http: Http, base: str) -> None:
        self._http = http
        self._base = base.rstrip("/")

    async def ask(self, path: str) -> Any:
        """The JSON of an answer. Raises what the door raises, and what the registry refused with."""
        return _read(await self._http.ask(HttpRequest(self._base + path, keep=False, answers=_REFUSALS)))

    async def send(self, path: str, headers: Mapping[str, str], body: bytes) -> Any:
        """POST a body; the JSON of the answer. Never tried twice."""
        seconds = limits.HTTP_TOTAL_SECONDS + SECONDS_FOR_EACH_MIB * len(body) / limits.MIB
        request = HttpRequest(
            self._base + path,
            "POST",
            body,
            dict(headers),
            total_s=seconds,
            keep=False,
            answers=_REFUSALS | {201},
        )
        return _read(await self._http.ask(request))


def _read(answer: HttpAnswer) -> Any:
    try:
        value = read_json(answer.body)
    except DataError:
        raise UnavailableError("http.refused", url=answer.url, status=answer.status, reason="no JSON") from None
    if answer.status < 400:
        return value
    raise refusal(value, answer)


def refusal(value: object, answer: HttpAnswer) -> OoderError:
    """The error a problem body stands for; one this program does not know stays what it is on the wire."""
    said = value if isinstance(value, Mapping) else {}
    code, params = str(said.get("code", "")), said.get("params")
    if code not in MESSAGES:
        return UnavailableError("http.refused", url=answer.url, status=answer.status, reason=code[:100] or "-")
    kind = errors.NotFoundError if answer.status == 404 else _BY_FAULT.get(str(said.get("fault")), errors.UsageError)
    found: dict[str, Param] = {}
    for name, one in (params if isinstance(params, Mapping) else {}).items():
        if isinstance(one, str | int | float):
            found[str(name)[:40]] = one[:300] if isinstance(one, str) else one
    found.pop("code", None)
    return kind(code, **found)
