"""How items hang together: what is missing, what cannot fit, what goes in circles, and who provides which capability.

Pure and linear in the number of items and dependencies, whatever their shape: no recursion, so a chain of 100,000 is as good
as a table of 100,000. Dependencies marked `platform` come with the platform and are never looked for. Nothing here blocks or
hides an item: findings are shown, and installing decides for itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from protocol.errors import DataError
from protocol.items import Dependency, Item
from protocol.messages import Rendered, render
from protocol.refs import Kind, Ref
from protocol.versions import Constraint, parse_constraint

NAMES_SHOWN = 12  # members of one cycle, or versions, that a finding spells out

Name = tuple[Kind, str]


@dataclass(frozen=True, slots=True)
class Node:
    """One name with all versions known of it. `provides` are (capability id, version of the capability or "")."""

    kind: Kind
    id: str
    versions: tuple[str, ...] = ()
    provides: tuple[tuple[str, str], ...] = ()
    requires: tuple[Dependency, ...] = ()

    @classmethod
    def of(cls, item: Item, other_versions: Iterable[str] = ()) -> Node:
        """The light form of an item; `other_versions` are further releases that could satisfy a constraint."""
        provides = tuple((provided.id, provided.version) for provided in item.provides)
        return cls(item.kind, item.id, (item.version, *other_versions), provides, item.requires)

    @property
    def ref(self) -> Ref:
        return Ref(self.kind, self.id)


@dataclass(frozen=True, slots=True)
class Finding:
    """One remark about `ref`. `code` is `relation.*`, `params` fill its text."""

    code: str
    ref: Ref
    params: Mapping[str, str | int] = field(default_factory=lambda: MappingProxyType({}))

    def text(self, language: str = "en") -> Rendered:
        """What it says and what to do, in "en" or "zh"."""
        return render(self.code, self.params, language)


@dataclass(frozen=True, slots=True)
class Relations:
    """`providers`: capability id -> who provides it. `findings` are sorted by ref and code."""

    providers: Mapping[str, tuple[Ref, ...]]
    findings: tuple[Finding, ...]


def relate(nodes: Iterable[Node]) -> Relations:
    """Look at all names together. Of several nodes with one name the first counts."""
    known: dict[Name, Node] = {}
    for node in nodes:
        known.setdefault((node.kind, node.id), node)
    offers: dict[str, list[tuple[Ref, str]]] = {}
    for node in known.values():
        for capability, version in node.provides:
            offers.setdefault(capability, []).append((node.ref, version))
    findings: list[Finding] = []
    for node in known.values():
        for dependency in node.requires:
            if not dependency.platform:
                findings += _missing(node, dependency, known, offers)
    findings += _cycles(known)
    findings.sort(
        key=lambda finding: (finding.ref, finding.code, sorted((k, str(v)) for k, v in finding.params.items()))
    )
    providers = {capability: tuple(sorted({ref for ref, _ in found})) for capability, found in offers.items()}
    return Relations(MappingProxyType(providers), tuple(findings))


def _missing(
    node: Node, dependency: Dependency, known: Mapping[Name, Node], offers: Mapping[str, Sequence[tuple[Ref, str]]]
) -> Iterator[Finding]:
    params = {"ref": str(node.ref), "needs": str(dependency.ref), "constraint": dependency.constraint[:80]}
    name = (dependency.kind, dependency.id)
    target = known.get(name)
    versions = target.versions if target else ()
    if dependency.kind is Kind.CAPABILITY:
        found = offers.get(dependency.id, ())
        if not found:
            code = "relation.unprovided_capability" if dependency.required else "relation.unprovided_optional"
            yield Finding(code, node.ref, params)
            return
        versions = (*(version for _, version in found), *versions)
    elif target is None:
        code = "relation.unknown_dependency" if dependency.required else "relation.unknown_optional"
        yield Finding(code, node.ref, params)
        return
    try:
        constraint = parse_constraint(dependency.constraint)
    except DataError:
        yield Finding("relation.malformed_constraint", node.ref, params)
        return
    yield from _unfit(node, constraint, [version for version in versions if version], params)


def _unfit(node: Node, constraint: Constraint, versions: Sequence[str], params: dict[str, str]) -> Iterator[Finding]:
    if constraint.any or any(constraint.allows(version) for version in versions):
        return
    if not versions:
        yield Finding("relation.unversioned", node.ref, params)
        return
    there = ", ".join(sorted(set(versions))[:NAMES_SHOWN])
    yield Finding("relation.unsatisfiable", node.ref, {**params, "versions": there})


def _cycles(known: Mapping[Name, Node]) -> Iterator[Finding]:
    """Circles of required dependencies, then those that close only through an optional one."""
    required = _edges(known, optional=False)
    hard = [frozenset(circle) for circle in _circles(required)]
    for circle in hard:
        yield _cycle("relation.cycle", circle, required)
    everything = _edges(known, optional=True)
    seen = set(hard)
    for members in _circles(everything):
        circle = frozenset(members)
        if circle not in seen:
            yield _cycle("relation.optional_cycle", circle, everything)


def _edges(known: Mapping[Name, Node], *, optional: bool) -> dict[Name, list[Name]]:
    return {
        name: [
            target
            for dependency in node.requires
            if (dependency.required or optional)
            and not dependency.platform
            and (target := (dependency.kind, dependency.id)) in known
        ]
        for name, node in known.items()
    }


def _cycle(code: str, circle: frozenset[Name], edges: Mapping[Name, Sequence[Name]]) -> Finding:
    """A shortest circle through the smallest member, told as a walk."""
    start = min(circle)
    came_from: dict[Name, Name] = {}
    waiting = deque([start])
    last = start
    while waiting:
        at = waiting.popleft()
        if start in edges[at]:
            last = at
            break
        for target in edges[at]:
            if target in circle and target not in came_from and target != start:
                came_from[target] = at
                waiting.append(target)
    walk = [last]
    while walk[-1] != start:
        walk.append(came_from[walk[-1]])
    names = [str(Ref(*name)) for name in reversed(walk)]
    told = [*names[:NAMES_SHOWN], "..."] if len(names) > NAMES_SHOWN else names
    path = " -> ".join([*told, names[0]])
    return Finding(code, Ref(*start), {"ref": names[0], "path": path, "count": len(circle)})


def _circles(edges: Mapping[Name, Sequence[Name]]) -> Iterator[list[Name]]:
    """Strongly connected components with a circle in them (Tarjan 1972, with an own stack instead of recursion)."""
    index: dict[Name, int] = {}
    low: dict[Name, int] = {}
    on_stack: set[Name] = set()
    stack: list[Name] = []
    for root in edges:
        if root in index:
            continue
        work = [(root, iter(edges[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            at, targets = work[-1]
            fresh = None
            for target in targets:
                if target not in index:
                    fresh = target
                    break
                if target in on_stack:
                    low[at] = min(low[at], index[target])
            if fresh is not None:
                index[fresh] = low[fresh] = len(index)
                stack.append(fresh)
                on_stack.add(fresh)
                work.append((fresh, iter(edges[fresh])))
                continue
            work.pop()
            if work:
                low[work[-1][0]] = min(low[work[-1][0]], low[at])
            if low[at] == index[at]:
                component = _pop_until(at, stack, on_stack)
                if len(component) > 1 or at in edges[at]:
                    yield component


def _pop_until(last: Name, stack: list[Name], on_stack: set[Name]) -> list[Name]:
    component = []
    while True:
        name = stack.pop()
        on_stack.discard(name)
        component.append(name)
        if name == last:
            return component
