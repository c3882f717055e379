"""The shapes of what the API answers. They describe and check what the facade says; names are those of docs/glossary.md."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from node.api.route import Told
from protocol import limits
from protocol.query import Freshness, Scope, Trust
from protocol.refs import Kind

_ID = rf"[A-Za-z0-9]([A-Za-z0-9._-]{{0,{limits.ID_CHARS - 2}}}[A-Za-z0-9_-])?"
_VERSION = rf"(@[0-9A-Za-z][0-9A-Za-z.+_-]{{0,{limits.VERSION_CHARS - 1}}})?"


def _ref(prefix: str) -> Any:
    """A ref as a parameter: the pattern describes it, `protocol.refs` reads it and says what is wrong."""
    return Annotated[
        str,
        Field(
            max_length=2 * limits.ID_CHARS,
            description="kind:id",
            json_schema_extra={"pattern": f"^{prefix}{_ID}{_VERSION}$"},
        ),
    ]


TARGET = rf"^((scene|skill|cap|capability):{_ID}{_VERSION}|(/[^\x00-\x1f\x7f/]{{1,255}}){{1,3}})$"
AnyRef = _ref("(scene|cap|capability|skill|agent):")
SceneRef, CapRef, SkillRef = (_ref(f"({kind}:)?") for kind in ("scene", "cap", "skill"))

Wall = Field(description="wall time, seconds since 1970; 0 = never")


class Row(Told):
    """One item of a list."""

    ref: str = Field(description="kind:id")
    kind: Kind
    id: str
    version: str
    name: str
    description: str = Field(description="cut to 200 characters")
    category: str
    trust: Trust
    freshness: Freshness
    seen_at: float = Wall
    expires_at: float = Wall
    sources: list[str]
    principal: str
    digest: str
    status: str
    installable: bool
    conflicts: int
    releases: int
    signals: dict[str, float] = Field(description="stars, downloads, rating, where a source counts them")


class Rows(Told):
    """A page of a list."""

    items: list[Row]
    total: int
    total_is_lower_bound: bool
    next_offset: int | None = Field(description="offset of the next page; null on the last one")
    took_ms: float
    offline: bool = Field(description="answers come from the cache only")
    newest: float = Wall


class Reason(Told):
    """Why something is as it is."""

    code: str
    text: str


class Sighting(Told):
    """Who said so, when, and how far it is believed."""

    source: str
    origin: str
    place: str
    location: str
    principal: str
    version: str
    digest: str
    manifest_digest: str
    standing: str
    status: str
    seen_at: float = Wall
    freshness: Freshness
    commit: str
    relayed_by: str
    trust: Trust
    reasons: list[Reason]


class Release(Told):
    """Another release under the same name."""

    principal: str
    version: str
    digest: str
    trust: Trust
    status: str
    frozen: bool
    installable: bool
    sightings: list[Sighting]


class Conflict(Told):
    """What contradicts, in words."""

    kind: str
    principal: str
    version: str
    digests: list[str]
    places: list[str]
    message: str
    next_step: str


class Compared(Told):
    """One of several skills side by side."""

    ref: str
    kind: Kind
    id: str
    version: str
    name: str
    trust: Trust
    freshness: Freshness
    seen_at: float = Wall
    principal: str
    digest: str
    size: int
    status: str
    installable: bool
    sources: list[str]
    offline: bool = Field(description="says that it works without a network")
    connector: str = Field(description="how it is reached: document, process, http, ...")
    signals: dict[str, Any] = Field(description="what sources count: rating, downloads, stars")
    conflicts: int


class Provided(Told):
    """A capability that a skill offers."""

    ref: str
    name: str
    description: str
    version: str


class Need(Told):
    """A dependency, and whether what is known satisfies it."""

    ref: str
    constraint: str
    required: bool
    platform: bool
    known: bool
    version: str
    satisfied: bool


class CapabilityNeed(Told):
    """A capability that a scene needs, and every skill that provides it."""

    ref: str
    required: bool
    known: bool
    name: str
    version: str
    providers: list[Compared]


class Detail(Told):
    """Everything there is to show about one name."""

    ref: str
    kind: Kind
    id: str
    version: str
    name: str
    category: str
    trust: Trust
    freshness: Freshness
    seen_at: float = Wall
    principal: str
    digest: str
    size: int
    files: int
    status: str
    installable: bool
    sources: list[str]
    description: str
    author: str
    license: str
    tags: list[str]
    dialect: str
    repaired: list[str]
    reasons: list[Reason]
    facts: dict[str, Any]
    provides: list[Provided]
    requires: list[Need]
    capabilities: list[CapabilityNeed]
    needed_by: list[str]
    sightings: list[Sighting]
    others: list[Release]
    conflicts: list[Conflict]
    providers: list[Compared] | None = Field(default=None, description="of a capability: who provides it")


class Light(Told):
    """A source's state."""

    name: str
    light: str = Field(description="online, slow, offline, connecting or disabled")
    last_attempt: float = Wall
    last_success: float = Wall
    next_retry: float = Wall
    seconds: float
    code: str
    reason: str
    next_step: str


class Source(Light):
    """A source with what it looks at."""

    badge: str
    enabled: bool
    in_scope: bool
    items: int = Field(description="items it has seen")
    places: list[str]
    looked_at: dict[str, float] = Field(description="place -> wall time of the last whole look")
    problems: dict[str, int] = Field(
        description="place -> how many problems and remarks were met there; see /api/v1/problems"
    )


class Sources(Told):
    """The status strip."""

    scope: Scope
    sources: list[Source]


class Error(Told):
    """An error inside an answer."""

    code: str
    message: str
    next_step: str
    fault: str
    params: dict[str, Any]


class Asking(Told):
    """One source of a scan."""

    name: str
    stage: str = Field(description="waiting, asking, done or failed")
    found: int
    problems: int
    state: Light | None


class Scan(Told):
    """A scan and how far it is."""

    id: str
    state: str = Field(description="running, completed, failed or cancelled")
    scope: str
    asked_at: float = Wall
    ended_at: float = Wall
    changes: int
    written: int
    counts: dict[str, int]
    error: Error | None
    sources: list[Asking]


class Event(Told):
    """Something that happened. Numbers rise by one."""

    n: int
    at: float = Wall
    type: str
    ref: str
    data: Any


class Done(Told):
    """What was done."""

    done: str
    params: dict[str, str]
