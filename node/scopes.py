"""Which sources a scope asks, in which order (guide 2.2): the preset, the user's own version of it, and what is switched on."""

from __future__ import annotations

from node.config import Config
from protocol.query import PRESETS, Scope


def sources_of(config: Config, scope: Scope | None = None) -> tuple[str, ...]:
    """Names of the sources to ask, best first: those of the preset that exist here and are enabled, then optional ones that
    the configuration has a section for."""
    scope = scope or config.settings.scope
    preset = PRESETS[scope]
    own = config.settings.scopes.get(scope)
    wanted = own.sources if own and own.sources is not None else preset.sources
    if not (own and own.sources is not None):
        wanted = (*wanted, *(name for name in preset.optional if name in config.settings.sources))
    named = (name for name in config.settings.sources if name not in PRESETS_NAME)
    known = set(config.source_names())
    return tuple(name for name in dict.fromkeys((*wanted, *named)) if name in known and config.enabled.get(name, True))


PRESETS_NAME = frozenset(name for preset in PRESETS.values() for name in (*preset.sources, *preset.optional))
"""Every source some preset speaks of; any other that is configured belongs to every scope."""
