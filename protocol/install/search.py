"""A complete search for the cases in which the resolver goes in circles: slower, never wrong, and it always ends or is stopped.

Depth first over decisions, the one with the fewest choices first; when a decision has no choice left, back to the last one that
had a part in it (conflict-directed backjumping, Prosser 1993). No recursion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from protocol.install.provider import Questions
from protocol.install.questions import Choice, Key, Need

Asked = list[tuple[Need, Choice | None]]
"""Needs with who asks for them."""


@dataclass(slots=True)
class _Level:
    """One decision: the choices that are left, the one taken, and the decisions that rule out the others."""

    key: Key
    left: list[Choice]
    guilty: set[Key]
    taken: Choice | None = None
    added: tuple[Need, ...] = ()
    clashes: Asked = field(default_factory=list)


@dataclass(slots=True)
class _State:
    taken: dict[Key, Choice] = field(default_factory=dict)
    asked: dict[Key, Asked] = field(default_factory=dict)


def search(questions: Questions, root: Need) -> tuple[dict[Key, Choice], Asked]:
    """Choices that satisfy everything `root` needs, or none and the needs that cannot all be met. Stops when the deadline
    says so."""
    state = _State(asked={root.key: [(root, None)]})
    levels: list[_Level] = []
    last: Asked = []
    while True:
        questions.check()
        key, choices = _next(questions, state)
        if key is None:
            return state.taken, []
        asked = list(state.asked[key])
        level = _Level(key, list(choices), {_key(questions, by) for _, by in asked if by is not None} - {key})
        levels.append(level)
        while not _take(questions, state, levels[-1]):
            failed = levels.pop()
            last = [*state.asked[failed.key], *failed.clashes]
            if not levels or not failed.guilty:
                return {}, last
            while levels and levels[-1].key not in failed.guilty:
                _undo(state, levels.pop())
            if not levels:
                return {}, last
            back = levels[-1]
            _undo(state, back)
            back.guilty |= failed.guilty - {back.key}


def _next(questions: Questions, state: _State) -> tuple[Key | None, Sequence[Choice]]:
    """The open decision with the fewest choices."""
    best: tuple[Key | None, Sequence[Choice]] = (None, ())
    for key, asked in state.asked.items():
        if asked and key not in state.taken:
            choices = questions.fitting(key, [need for need, _ in asked], frozenset())
            if best[0] is None or len(choices) < len(best[1]):
                best = (key, choices)
                if not choices:
                    break
    return best


def _take(questions: Questions, state: _State, level: _Level) -> bool:
    """Take the next choice that fits with what is taken; False when there is none left."""
    while level.left:
        choice = level.left.pop(0)
        needs = tuple(questions.get_dependencies(choice))
        state.taken[level.key] = choice
        clash = next(
            (n for n in needs if n.key in state.taken and not questions.is_satisfied_by(n, state.taken[n.key])), None
        )
        if clash is None:
            level.taken, level.added = choice, needs
            for need in needs:
                state.asked.setdefault(need.key, []).append((need, choice))
            return True
        level.clashes += [*state.asked.get(clash.key, ()), (clash, choice)]
        del state.taken[level.key]
        if clash.key != level.key:
            level.guilty.add(clash.key)
    return False


def _undo(state: _State, level: _Level) -> None:
    if level.taken is not None:
        del state.taken[level.key]
        for need in level.added:
            state.asked[need.key] = [row for row in state.asked[need.key] if row[0] is not need]
        level.taken, level.added = None, ()


def _key(questions: Questions, choice: Choice) -> Key:
    return questions.identify(choice)
