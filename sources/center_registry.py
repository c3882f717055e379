"""One registry as the source `skill_center` sees it: its addresses, how much it is believed, and how it is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin

from protocol.errors import DataError
from protocol.http.exchange import HttpAnswer, HttpBounds, HttpRequest, Target, host_of, read_target
from protocol.http.json_body import Value, read_body
from protocol.items import Channel, Evidence
from protocol.skill_center.names import namespace_of
from sources.ports import Http

SOURCE: Final = "skill_center"
ROOT: Final = "."
"""The place that stands for the registry itself: its problems are the registry's."""


@dataclass(frozen=True, slots=True)
class Registry:
    """A configured registry. `base` and `mirrors` have no `/` at their end. `owned` are namespaces that only it speaks for, `foreign`
    those that only others do; `above` are the origins of registries that go before it."""

    base: str
    bounds: HttpBounds
    name: str = ""
    key: str = ""
    official: bool = False
    mirrors: tuple[str, ...] = ()
    foreign: frozenset[str] = frozenset()
    above: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        return self.base

    @property
    def target(self) -> Target:
        return read_target(self.base)

    @property
    def owner(self) -> str:
        """`registry:<host>[:port][/path]`; what it says about its own namespaces it says as `<owner>/<namespace>`."""
        return f"registry:{self.base.partition('://')[2]}"

    def principal(self, item_id: str) -> str:
        """Who speaks for an item of this registry."""
        return f"{self.owner}/{namespace_of(item_id)}"

    def evidence(self, item_id: str, *, proven: bool, publisher: str = "", shadowed: bool = False) -> Evidence:
        """Why anybody should believe what it says about an item. `proven`: everything is bound by a head signed with the key that a
        person named."""
        if shadowed or namespace_of(item_id) in self.foreign:
            return Evidence(Channel.HEARSAY, owner=self.owner, relayed_by=SOURCE)
        safe = self.target.is_protected or (proven and bool(self.key))
        return Evidence(Channel.ORIGIN if safe else Channel.PLAIN, key=publisher, owner=self.owner)

    def url(self, path: str, base: str = "") -> str:
        """The address of a path, relative or absolute as rows have it."""
        if "://" in path or "/." in path:
            return urljoin((base or self.base) + "/", path if "://" in path else path.lstrip("/"))
        return f"{base or self.base}/{path.lstrip('/')}"

    def copies(self, url: str) -> tuple[str, ...]:
        """The same file at the mirrors."""
        rest = url.removeprefix(self.base)
        return tuple(mirror + rest for mirror in self.mirrors) if rest != url else ()

    def speaks_at(self, url: str) -> bool:
        """Whether an address is one of the registry's own."""
        try:
            own = {host_of(base) for base in (self.base, *self.mirrors)}
            return host_of(url) in own
        except DataError:
            return False


async def ask_json(
    http: Http, url: str, *, keep: bool = True, heads: Mapping[str, str] | None = None, body: bytes = b"", most: int = 0
) -> tuple[Value, HttpAnswer]:
    """The JSON of an answer. Raises what `sources.ports.Http.ask` raises, DataError `http.no_json`, `http.json_too_deep`."""
    request = HttpRequest(url, method="POST" if body else "GET", body=body, heads=heads or {}, keep=keep)
    if most:
        request = HttpRequest(url, method=request.method, body=body, heads=request.heads, keep=keep, most=most)
    answer = await http.ask(request)
    return read_body(answer.body), answer


def bounds_of(
    bases: Sequence[str], networks: tuple[str, ...], keys: tuple[str, ...], proxy: str, ca_file: str, total_s: float
) -> HttpBounds:
    """The way out to one registry: its own hosts may be private, its key goes to them alone. Raises DataError `http.bad_url`."""
    targets = [read_target(base) for base in bases]
    return HttpBounds(
        hosts=frozenset(f"{target.host}:{target.port}" for target in targets),
        networks=networks,
        keys=keys,
        key_origins=frozenset(target.origin for target in targets),
        proxy=proxy,
        ca_file=ca_file,
        rate=50.0,
        burst=200.0,
        total_s=total_s,
    )
