"""What a route is: everything that is known about one path and method, declared in one place.

From it come the server, the validation in and out, the guard's decision, OpenAPI and the reference page.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from protocol import limits

if TYPE_CHECKING:
    from node.api.desk import Desk


class Audience(StrEnum):
    """The two planes; a SkillCenter's interface stands on the peer plane."""

    CONTROL = "control"
    PEER = "peer"
    CENTER = "center"


class Access(StrEnum):
    """Who may use a route of the control plane."""

    OPEN = "open"  # anybody on this machine: says nothing about what is here
    SIGNED_IN = "signed_in"  # token, or browser session with the header
    STREAM = "stream"  # the same for EventSource and WebSocket, which cannot send headers


class Answer(StrEnum):
    """What kind of body an answer has."""

    JSON = "json"
    TEXT = "text"  # text/plain; the handler returns str
    EVENTS = "events"  # JSON, or an event stream when Accept asks for one
    SOCKET = "socket"  # WebSocket
    FILE = "file"  # the handler returns a path; ranges work
    RAW = "raw"  # the handler gets the request as well and returns the response itself


class Asked(BaseModel):
    """Base of parameters and bodies: an unknown name is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)


class Told(BaseModel):
    """Base of answers: every field is declared."""

    model_config = ConfigDict(extra="forbid", defer_build=True)


class Nothing(Asked):
    """No parameters, or an empty object."""


class SessionAnswer(dict[str, Any]):
    """An answer that also hands out a session cookie; an empty secret takes it back."""

    secret: str = ""


class TextAnswer(str):
    """A text with a media type of its own."""

    media_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Said:
    """What else a request said: the session's secret, the caller's own key for this wish, and what it accepts."""

    session: str = ""
    key: str = ""
    accept: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, as a handler sees it: validated, without HTTP. `language` is "en" or "zh"."""

    desk: Desk
    params: Any
    body: Any
    language: str
    said: Said = Said()
    request: Any = None
    """Of aiohttp, for routes of kind RAW only."""


Handler = Callable[[Call], Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method of one path. `errors` are the codes a caller should expect beyond those of every route."""

    method: str
    path: str
    name: str
    summary: str
    handler: Handler
    answer: Any
    params: type[BaseModel] = Nothing
    body: type[BaseModel] | None = None
    errors: tuple[str, ...] = ()
    audience: frozenset[Audience] = frozenset({Audience.CONTROL})
    access: Access = Access.SIGNED_IN
    kind: Answer = Answer.JSON
    status: int = 200
    packed: bool = False
    """Large and rarely changed: sent with gzip to who takes it."""
    tagged: bool = False
    """Answers carry an ETag and obey If-None-Match."""
    takes: int = limits.API_BODY_BYTES
    """Bytes a request may bring; above the usual bound only handlers that read piece by piece."""
    held: float = 0.0
    """The same question within so many seconds gets the same bytes, unless the index was written or a request changed something."""

    @property
    def topic(self) -> str:
        """The first part of the path below the version."""
        return (
            self.path.removeprefix("/api/v1/").removeprefix("/peer/v1/").strip("/").partition("/")[0].partition(".")[0]
        )


PEER = frozenset({Audience.PEER})
CENTER = frozenset({Audience.CENTER})
BOTH = frozenset({Audience.CONTROL, Audience.PEER})
