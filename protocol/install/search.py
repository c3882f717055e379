"""A complete search for the cases in which the resolver goes in circles: it learns where the trouble is, and always ends or is stopped.

Depth first over decisions; what a decision leaves of the others is looked at once it is taken (forward checking), and when nothing
is left of one, back to the last decision that had a part in it (conflict-directed backjumping, Prosser 1993). The next decision is
the one with the fewest choices for the trouble it made so far (dom/wdeg, Boussemart et al. 2004), and after ever more failures
everything starts again with what was learned of the trouble. No recursion; the same question has the same answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from protocol.install.provider import Questions
from protocol.install.questions import Choice, Key, Need

Asked = list[tuple[Need, Choice | None]]
"""Needs with who asks for them."""

_FIRST_FAILURES = 50
_GROWTH = 1.5


@dataclass(slots=True)
class _Level:
    """One decision: the choices that are left, the one taken, and the decisions that rule out the others."""

    key: Key
    left: list[Choice]
    guilty: set[Key]
    taken: Choice | None = None
    added: list[Need] = field(default_factory=list)
    clashes: Asked = field(default_factory=list)


class _TooManyFailuresError(Exception):
    """Time to start again."""


def search(questions: Questions, root: Need) -> tuple[dict[Key, Choice], Asked]:
    """Choices that satisfy everything `root` needs, or none and the needs that cannot all be met. Stops when the deadline
    says so."""
    weights: dict[Key, int] = defaultdict(lambda: 1)
    failures = float(_FIRST_FAILURES)
    while True:
        try:
            return _Run(questions, root, weights, int(failures)).run()
        except _TooManyFailuresError:
            failures *= _GROWTH


class _Run:
    """One attempt. `domains` has for every key what is left after each of its needs, in their order."""

    def __init__(self, questions: Questions, root: Need, weights: dict[Key, int], failures: int) -> None:
        self._questions = questions
        self._weights = weights
        self._failures = failures
        self._taken: dict[Key, Choice] = {}
        self._asked: dict[Key, Asked] = {}
        self._domains: dict[Key, list[Sequence[Choice]]] = {}
        self._open: dict[Key, None] = {}
        self._last: Asked = [(root, None)]
        self._possible = self._ask(root, None)

    def run(self) -> tuple[dict[Key, Choice], Asked]:
        """As `search`."""
        levels: list[_Level] = []
        if not self._possible:
            return {}, self._last
        while self._open:
            self._questions.check()
            key = self._next()
            askers = self._askers(key)
            levels.append(_Level(key, list(self._domains[key][-1]), askers - {key}))
            while not self._take(levels[-1]):
                failed = levels.pop()
                self._count(failed.key)
                self._last = [*self._asked[failed.key], *failed.clashes]
                while levels and levels[-1].key not in failed.guilty:
                    self._undo(levels.pop())
                if not levels:
                    return {}, self._last
                back = levels[-1]
                self._undo(back)
                back.guilty |= failed.guilty - {back.key}
        return self._taken, []

    def _next(self) -> Key:
        """The open decision with the fewest choices for its weight."""
        domains, weights = self._domains, self._weights
        return min(self._open, key=lambda key: len(domains[key][-1]) / weights[key])

    def _take(self, level: _Level) -> bool:
        """Take the next choice that leaves something of everything; False when there is none left."""
        key = level.key
        while level.left:
            self._questions.check()
            choice = level.left.pop(0)
            self._taken[key] = choice
            del self._open[key]
            level.added = []
            for need in self._questions.get_dependencies(choice):
                level.added.append(need)
                if not self._ask(need, choice):
                    break
            else:
                level.taken = choice
                return True
            level.clashes += self._asked[need.key]
            level.guilty |= ({need.key} if need.key in self._taken else self._askers(need.key)) - {key}
            self._count(need.key)
            self._forget(key, level.added)
        return False

    def _ask(self, need: Need, by: Choice | None) -> bool:
        """Put one more need to its key; whether anything is left of it."""
        key, questions = need.key, self._questions
        rows = self._asked.setdefault(key, [])
        domains = self._domains.setdefault(key, [])
        if key in self._taken:
            left = domains[-1]
            fits = questions.is_satisfied_by(need, self._taken[key])
        elif domains:
            left = [one for one in domains[-1] if questions.is_satisfied_by(need, one)]
            fits = bool(left)
        else:
            left = questions.fitting(key, [need], frozenset())
            fits = bool(left)
            self._open[key] = None
        rows.append((need, by))
        domains.append(left)
        return fits

    def _forget(self, key: Key, added: Sequence[Need]) -> None:
        """Take a choice back, with the needs it added."""
        for need in reversed(added):
            self._asked[need.key].pop()
            domains = self._domains[need.key]
            domains.pop()
            if not domains:
                self._open.pop(need.key, None)
        del self._taken[key]
        self._open[key] = None

    def _undo(self, level: _Level) -> None:
        if level.taken is not None:
            self._forget(level.key, level.added)
            level.taken, level.added = None, []

    def _askers(self, key: Key) -> set[Key]:
        """The decisions that ask for a key."""
        return {self._questions.identify(by) for _, by in self._asked[key] if by is not None}

    def _count(self, key: Key) -> None:
        self._weights[key] += 1
        self._failures -= 1
        if self._failures < 0:
            raise _TooManyFailuresError
