"""The only place that wires: settings in, providers with their ports out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from random import SystemRandom
from typing import TYPE_CHECKING

from node import registry
from node.config import Config
from node.paths import Paths
from sources.base import DiscoveryProvider
from sources.ports import Clock, Context, Places

if TYPE_CHECKING:
    from node.cache_memory import CacheMemory
    from node.io.files import RealFolders
    from node.io.git import GitMirrors
    from sources.ports import GitBounds


class NodePorts:
    """Everything a source may need of the world; each port is made when it is first asked for."""

    def __init__(self, paths: Paths, places: Places, clock: Clock) -> None:
        self._paths = paths
        self.context = Context(clock=clock, places=places, home=paths.home, random=SystemRandom())

    @cached_property
    def folders(self) -> RealFolders:
        from node.io.files import RealFolders

        return RealFolders()

    @cached_property
    def memory(self) -> CacheMemory:
        from node.cache_memory import CacheMemory

        return CacheMemory(self._paths.cache)

    def git(self, bounds: GitBounds) -> GitMirrors:
        from node.io.git import GitMirrors

        return GitMirrors(self._paths.mirrors, bounds)


def make_providers(config: Config, names: Sequence[str], ports: NodePorts) -> Mapping[str, DiscoveryProvider]:
    """Build the named sources. Raises UsageError when one's section of the settings does not hold."""
    return {name: registry.load(name).make(config.sources[name], ports) for name in names}
