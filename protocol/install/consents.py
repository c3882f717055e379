"""What a plan must ask: everything that lowers trust, widens what an installed item may do, or runs a program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from protocol.display import is_deceptive
from protocol.errors import PolicyError
from protocol.install.lookalike import folded_names, lookalikes
from protocol.install.model import Consent, Generation
from protocol.install.planned import Asked, InstallPlan, Planned, Question, Step
from protocol.install.questions import Choices
from protocol.install.resolve import Edge
from protocol.install.universe import Candidate
from protocol.query import Trust

SAME_BYTES = (Step.REROUTED, Step.REQUESTED)
"""Changes around a release that is installed with these bytes."""
RUN = "run: "
"""Before a command among the permissions that a `Consent` remembers."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What questions are made from. `known`: names of others -> their trust rank."""

    candidates: Mapping[str, Candidate]
    edges: Sequence[Edge]
    installed: Generation
    free_trust: Trust
    known: Mapping[str, int]
    choices: Choices


def questions_of(items: Sequence[Planned], facts: Facts) -> tuple[Question, ...]:
    """Every question of a plan, sorted. What is installed already and does not change asks nothing again."""
    known = frozenset(facts.known)
    folds = folded_names(known)
    found: set[Question] = set()
    for item in items:
        if item.step is Step.KEPT:
            continue
        found.update(_widening(item, facts))
        if item.step in SAME_BYTES:  # they were agreed to
            continue
        found.update(_trust(item, facts))
        found.update(_text(item, facts.candidates[item.release]))
        near = [n for n in lookalikes(item.id, known, folds) if facts.known[n] > item.trust.rank]
        if near:
            found.add(Question(Asked.LOOKALIKE, item.release, tuple(sorted(near))))
    found.update(_crossings(items, facts))
    return tuple(sorted(found))


def open_questions(plan: InstallPlan, choices: Choices) -> tuple[Question, ...]:
    """The questions that a plain yes does not answer: unverified items whose digest was not given."""
    return tuple(
        one
        for one in plan.questions
        if one.asked is Asked.EXPLICIT_DIGEST and not (one.digest and one.digest in choices.digests)
    )


def check_agreed(plan: InstallPlan, choices: Choices, *, agreed: bool) -> None:
    """Raise PolicyError `plan.needs_digest` or `plan.needs_consent` when something was not agreed to."""
    for question in open_questions(plan, choices):
        raise PolicyError("plan.needs_digest", release=question.release, digest=question.digest or "sha256:…")
    left = [one for one in plan.questions if one.asked is not Asked.EXPLICIT_DIGEST]
    if left and not agreed:
        said = [PolicyError(one.code, **one.params).text() for one in left]
        raise PolicyError("plan.needs_consent", ref=plan.target, count=len(left), causes=said)


def consents_of(plan: InstallPlan, who: str, at: float) -> tuple[Consent, ...]:
    """What is written down when everything was agreed to: per changed item its permissions and commands (after `RUN`)."""
    asked: dict[str, list[str]] = {}
    for question in plan.questions:
        asked.setdefault(question.release, []).append(question.asked.value)
    return tuple(
        Consent(
            at,
            who,
            item.release,
            item.digest,
            (*item.may.permissions, *(RUN + command for command in item.may.commands)),
            ",".join(asked.get(item.release, ())),
        )
        for item in plan.changes
    )


def _trust(item: Planned, facts: Facts) -> Iterator[Question]:
    if item.trust is Trust.UNVERIFIED:
        yield Question(Asked.EXPLICIT_DIGEST, item.release, trust=item.trust, digest=item.digest)
    elif item.trust.rank < facts.free_trust.rank:
        yield Question(Asked.TRUST, item.release, item.reasons, trust=item.trust)
    if item.may.commands:
        yield Question(Asked.RUN, item.release, item.may.commands)


def _widening(item: Planned, facts: Facts) -> Iterator[Question]:
    if not item.was:
        return
    before = next(one for one in facts.installed.items if one.release == item.was)
    if item.step is Step.DOWNGRADED:
        yield Question(Asked.DOWNGRADE, item.release, (item.was,))
    if before.principal != item.principal:
        yield Question(Asked.PRINCIPAL, item.release, (before.principal,))
    agreed = [one for one in facts.installed.consents if one.release == item.was]
    if agreed:
        had = {value for one in agreed for value in one.permissions}
        more = tuple(value for value in item.may.permissions if value not in had)
        if more:
            yield Question(Asked.PERMISSIONS, item.release, more)
    elif item.may.permissions:
        yield Question(Asked.PERMISSIONS, item.release, item.may.permissions)
    names = {_unversioned(need) for need in before.needs}
    new = tuple(sorted({_unversioned(need) for need in item.needs} - names))
    if new:
        yield Question(Asked.DEPENDENCIES, item.release, new)


def _crossings(items: Sequence[Planned], facts: Facts) -> Iterator[Question]:
    new = {item.release for item in items if item.step is not Step.KEPT}
    for edge in facts.edges:
        parent, child = edge.parent, edge.child
        if parent is None or not {parent.release, child.release} & new:
            continue
        if parent.principal != child.principal and child.trust.rank < parent.trust.rank:
            yield Question(Asked.CROSSING, child.release, trust=child.trust, by=parent.release)


def _text(item: Planned, candidate: Candidate) -> Iterator[Question]:
    said = candidate.item
    fields = {"name": said.name, "description": said.description, "author": said.author, "version": said.version}
    hidden = tuple(name for name, text in fields.items() if is_deceptive(text))
    if hidden:
        yield Question(Asked.HIDDEN_CHARACTERS, item.release, hidden)
    if said.repaired:
        yield Question(Asked.REPAIRED, item.release, said.repaired)
    if candidate.deprecated:
        yield Question(Asked.DEPRECATED, item.release)


def _unversioned(release: str) -> str:
    """`skill:ID` of `skill:ID@VERSION PRINCIPAL`."""
    return release.partition(" ")[0].partition("@")[0]
