"""The states of a scene agent and the only ways from one to another (FLOWS 4.3, 4.6).

>>> after(State.INITIALIZING, "scene.activated")
<State.ACTIVE: 'ACTIVE'>
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from protocol.errors import ConflictError


class State(StrEnum):
    """Where an installed scene stands."""

    INITIALIZING = "INITIALIZING"
    PENDING_ACTIVATION = "PENDING_ACTIVATION"  # installed, but a required capability has nothing that can answer
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"  # its skills stay where they are; calls are refused
    STOPPED = "STOPPED"  # nothing of it runs
    DESTROYED = "DESTROYED"  # uninstalled; the end


CREATED: Final = "scene.agent.created"
ACTIVATED: Final = "scene.activated"
POSTPONED: Final = "scene.activation.postponed"  # ours: the Java list has no event for it
PAUSED: Final = "scene.agent.paused"
RESUMED: Final = "scene.agent.resumed"
STOPPED: Final = "scene.agent.stopped"
STARTED: Final = "scene.agent.started"
DEACTIVATED: Final = "scene.deactivated"

_STOPPABLE: Final = (State.INITIALIZING, State.PENDING_ACTIVATION, State.ACTIVE, State.SUSPENDED)

TRANSITIONS: Final[dict[tuple[State, str], State]] = {
    (State.INITIALIZING, ACTIVATED): State.ACTIVE,
    (State.INITIALIZING, POSTPONED): State.PENDING_ACTIVATION,
    (State.ACTIVE, PAUSED): State.SUSPENDED,
    (State.SUSPENDED, RESUMED): State.ACTIVE,
    (State.PENDING_ACTIVATION, STARTED): State.INITIALIZING,
    (State.STOPPED, STARTED): State.INITIALIZING,
    **{(state, STOPPED): State.STOPPED for state in _STOPPABLE},
    **{(state, DEACTIVATED): State.DESTROYED for state in (*_STOPPABLE, State.STOPPED)},
}
"""(state, event) -> next state. What is not here cannot happen."""


def after(state: State, event: str) -> State:
    """The state after `event`. Raises ConflictError `scene.bad_transition`."""
    following = TRANSITIONS.get((state, event))
    if following is None:
        raise ConflictError("scene.bad_transition", state=state.value, event=event)
    return following
