"""Name -> factory of every source: the built-in table, and third-party sources by entry point.

A third-party source is loaded only when the configuration names it (`sources.NAME`), never because it is installed
(SECURITY T24). Modules are imported when first needed, so a command that asks no source pays for none.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

from pydantic import BaseModel

from protocol.errors import UsageError
from sources.base import DiscoveryProvider

BUILT_IN = (
    *("local_fs", "udp_broadcast", "mdns_dns_sd", "dht_kademlia"),
    *("skill_center", "github", "gitee", "git_repository"),
)
"""In the order `ooder sources` prints them. File stem in `sources/` = name."""

FORGES = ("github", "gitee")
"""Sources that look into repositories of forges, and deliver from them."""

BADGES = {
    "local_fs": "💻",
    "udp_broadcast": "📡",
    "mdns_dns_sd": "📶",
    "dht_kademlia": "🕸",
    "skill_center": "🌐",
    "github": "🐙",
    "gitee": "🐴",
    "git_repository": "🏢",
    "llm_ipc": "🤖",
}
"""Source badges (guide 4.3; ours where the guide gives none)."""


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """How to make one source: `config` validates its section, `make(config, ports)` builds the provider."""

    name: str
    config: type[BaseModel]
    make: Callable[[Any, Any], DiscoveryProvider]
    provider: type[DiscoveryProvider]


def load(name: str) -> SourceSpec:
    """Import one source. Raises UsageError `source.unknown`."""
    if name in BUILT_IN:
        module = importlib.import_module(f"sources.{name}")
    else:
        found = [entry for entry in entry_points(group="ooder.sources") if entry.name == name]
        if not found:
            raise UsageError("source.unknown", name=name, known=", ".join(BUILT_IN))
        module = found[0].load()
    return SourceSpec(name, module.Config, module.make, module.Provider)


class Sections(Mapping[str, BaseModel]):
    """The sections of the sources `names`; one that is not among the `said` is made, and its module imported, when it is looked at."""

    def __init__(self, names: Sequence[str], said: Mapping[str, BaseModel]) -> None:
        self._names, self._made = tuple(names), dict(said)

    def __getitem__(self, name: str) -> BaseModel:
        if name in self._names and name not in self._made:
            self._made[name] = load(name).config()
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
