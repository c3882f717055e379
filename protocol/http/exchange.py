"""One request and its answer as values, and the bounds of one way out. Pure; what `sources.ports.Http` speaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from urllib.parse import urlsplit, urlunsplit

from protocol import limits
from protocol.errors import DataError
from protocol.http.heads import Heads

JSON_TYPES = ("application/json", "application/vnd.github+json", "text/json")
SCHEME_PORTS = {"https": 443, "http": 80, "wss": 443, "ws": 80}
NO_HEADS: Heads = MappingProxyType({})


def no_heads() -> Heads:
    """The one empty mapping of header lines."""
    return NO_HEADS


@dataclass(frozen=True, slots=True)
class HttpBounds:
    """One way out, as a person configured it. Equal bounds share connections.

    `hosts` ("host:port") and `networks` may be private addresses. `keys` are `env:NAME` or `file:PATH` (0600), tried in order; they
    go only to `key_origins` ("https://host:port"), written as `key_style` says. Seconds and bytes; `rate` is requests per second
    and host. `proxy` is an `http://host:port`.
    """

    hosts: frozenset[str] = frozenset()
    networks: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    key_origins: frozenset[str] = frozenset()
    key_style: str = "Bearer {}"
    key_head: str = "Authorization"
    proxy: str = ""
    ca_file: str = ""
    rate: float = 20.0
    burst: float = 40.0
    parallel: int = 8
    connect_s: float = limits.HTTP_CONNECT_SECONDS
    silence_s: float = limits.HTTP_SILENCE_SECONDS
    total_s: float = limits.HTTP_TOTAL_SECONDS


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What to ask. `most` bounds the decoded body in bytes; `types` are the media types taken (() = any); `heads` are further header
    lines. `keep` remembers the answer on disk. `answers` are statuses beside 200 that are an answer here and no error."""

    url: str
    method: str = "GET"
    body: bytes = b""
    heads: Heads = field(default_factory=no_heads)
    types: tuple[str, ...] = JSON_TYPES
    most: int = limits.HTTP_BODY_BYTES
    total_s: float = 0.0  # 0 = that of the bounds
    keep: bool = True
    answers: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A whole answer. `unchanged`: the origin said that the body is what it was, or a kept one is still good; `at` is when the body was
    last confirmed (wall seconds). `url` is where it came from in the end. Header names are lower case."""

    url: str
    status: int
    heads: Heads
    body: bytes
    at: float
    unchanged: bool = False


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A file that was brought whole. `sha256` is hex; `resumed` counts the pieces beyond the first."""

    url: str
    heads: Heads
    size: int
    sha256: str
    resumed: int = 0


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that passed the grammar. `host` is lower case, without brackets."""

    scheme: str
    host: str
    port: int
    path: str
    query: str

    @property
    def origin(self) -> str:
        """`https://host:port`; what breakers, paces and keys belong to. `wss` counts as `https`."""
        scheme = {"wss": "https", "ws": "http"}.get(self.scheme, self.scheme)
        return f"{scheme}://{self._shown}:{self.port}"

    @property
    def is_protected(self) -> bool:
        return self.scheme in ("https", "wss")

    @property
    def url(self) -> str:
        usual = SCHEME_PORTS[self.scheme] == self.port
        netloc = self._shown if usual else f"{self._shown}:{self.port}"
        return urlunsplit((self.scheme, netloc, self.path, self.query, ""))

    @property
    def shown(self) -> str:
        """For messages and logs: without the query, which may hold secrets."""
        return self.url.partition("?")[0][: limits.HTTP_SHOWN_CHARS]

    @property
    def _shown(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


@lru_cache(maxsize=256)
def read_target(url: str) -> Target:
    """Read a URL. Raises DataError `http.bad_url`: no http(s), a user or password in it, control or non-ASCII characters, too long."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise DataError("http.bad_url", url=_hidden(url)) from None
    printable = url.isascii() and url.isprintable() and " " not in url and "\\" not in url
    usual = SCHEME_PORTS.get(parts.scheme, 0)
    if not usual or not host or "@" in parts.netloc or not printable or len(url) > limits.HTTP_URL_CHARS or port == 0:
        raise DataError("http.bad_url", url=_hidden(url))
    return Target(parts.scheme, host.lower(), port or usual, parts.path or "/", parts.query)


def host_of(url: str) -> str:
    """`host:port` of a URL, for `HttpBounds.hosts`. Raises DataError `http.bad_url`."""
    target = read_target(url)
    return f"{target.host}:{target.port}"


def _hidden(url: str) -> str:
    """What may be shown of a URL that is none: nothing before an @, no query."""
    text = url.partition("?")[0]
    scheme, slashes, rest = text.partition("://")
    return f"{scheme}{slashes}{rest.rpartition('@')[2]}"[: limits.HTTP_SHOWN_CHARS]


def header_lines(request: HttpRequest, extra: Mapping[str, str]) -> dict[str, str]:
    """Every header line of a request but the key's."""
    lines = {
        "Accept": ", ".join(request.types) or "*/*",
        "Accept-Encoding": "gzip",
        "User-Agent": "ooder-discovery-node",
    }
    if request.body:
        lines["Content-Type"] = "application/json"
    return {**lines, **request.heads, **extra}
