"""Checks of the forge sources, without asking a forge: are they asked, have they a key, how did the last look go."""

from __future__ import annotations

from node import config, registry
from node.finding import Finding, Health
from node.io.http.keys import KeyRing
from node.paths import Paths
from node.scopes import sources_of
from node.source_states import read_states
from node.supervisor import Light
from sources.forge_settings import Config


def check_forges(paths: Paths) -> Finding:
    """One line for all of them. Raises UsageError `http.bad_key` for a key that must not be used."""
    loaded = config.load(paths)
    scope = loaded.settings.scope
    asked = [name for name in registry.FORGES if name in sources_of(loaded, scope)]
    if not asked:
        return Finding("forges", Health.OK, f"not asked in the scope {scope.value}")
    states = read_states(paths.states)
    words, fixes = [], []
    for name in asked:
        section = loaded.sources[name]
        assert isinstance(section, Config)
        keys = [KeyRing(settings.keys).current() for _, settings in section.places()]
        words.append(f"{name} {'with' if any(keys) else 'without'} a key")
        state = states.get(name)
        if state is not None and state.light in (Light.OFFLINE, Light.SLOW) and state.reason:
            words[-1] += f": {state.reason}"
            fixes.append(state.said("en").next_step)
    fix = next(filter(None, fixes), "")
    return Finding("forges", Health.WARN if fixes else Health.OK, "; ".join(words), fix)
