"""Missing, unsatisfiable, circular, unprovided - and linear on shapes that would break a recursion."""

from __future__ import annotations

from random import Random

import pytest

from protocol.items import Dependency, Item, Provided
from protocol.messages import MESSAGES
from protocol.refs import Kind, Ref
from protocol.relations import Node, Relations, relate


def needs(text: str, constraint: str = "", *, optional: bool = False, platform: bool = False) -> Dependency:
    kind, _, name = text.rpartition(":")
    return Dependency(Kind(kind or "skill"), name, constraint, required=not optional, platform=platform)


def skill(
    name: str, *requires: Dependency, versions: tuple[str, ...] = ("1.0",), provides: tuple[str, ...] = ()
) -> Node:
    return Node(Kind.SKILL, name, versions, tuple((capability, "") for capability in provides), requires)


def codes(relations: Relations) -> list[tuple[str, str]]:
    return [(str(finding.ref), finding.code.removeprefix("relation.")) for finding in relations.findings]


def paths(relations: Relations) -> list[str | int]:
    return [finding.params["path"] for finding in relations.findings]


def test_what_fits_gives_no_finding() -> None:
    scene = Node(
        Kind.SCENE, "s", ("1",), (), (needs("a", ">=1.0"), needs("capability:c"), needs("llm-sdk", platform=True))
    )
    relations = relate([scene, skill("a", versions=("0.9", "1.2"), provides=("c",)), skill("b", provides=("c",))])
    assert relations.findings == ()
    assert relations.providers == {"c": (Ref(Kind.SKILL, "a"), Ref(Kind.SKILL, "b"))}


def test_missing_and_unfit_are_told_apart() -> None:
    relations = relate(
        [
            skill("a", needs("gone"), needs("maybe", optional=True)),
            skill("b", needs("a", ">=2.0"), needs("a", ">=")),
            skill("c", needs("d", ">=1.0"), needs("d")),
            skill("d", versions=("",)),
            skill("e", needs("capability:x"), needs("capability:y", optional=True)),
        ]
    )
    assert codes(relations) == [
        ("skill:a", "unknown_dependency"),
        ("skill:a", "unknown_optional"),
        ("skill:b", "malformed_constraint"),
        ("skill:b", "unsatisfiable"),
        ("skill:c", "unversioned"),
        ("skill:e", "unprovided_capability"),
        ("skill:e", "unprovided_optional"),
    ]
    for finding in relations.findings:
        assert finding.code in MESSAGES
        for language in ("en", "zh"):
            assert "?" not in finding.text(language).text


def test_a_known_capability_that_nobody_provides_is_unprovided() -> None:
    scene = Node(Kind.SCENE, "s", requires=(needs("capability:c", ">=1.0"),))
    assert codes(relate([scene, Node(Kind.CAPABILITY, "c", ("1.0",))])) == [("scene:s", "unprovided_capability")]
    provider = Node(Kind.SKILL, "p", ("1.0",), (("c", "0.9"),))
    assert codes(relate([scene, provider])) == [("scene:s", "unsatisfiable")]
    assert relate([scene, provider, Node(Kind.CAPABILITY, "c", ("1.0",))]).findings == ()


def test_circles_are_walked_from_their_smallest_name() -> None:
    relations = relate(
        [skill("c", needs("a")), skill("b", needs("c")), skill("a", needs("b")), skill("self", needs("self"))]
    )
    assert codes(relations) == [("skill:a", "cycle"), ("skill:self", "cycle")]
    assert paths(relations) == ["skill:a -> skill:b -> skill:c -> skill:a", "skill:self -> skill:self"]


def test_a_circle_through_an_optional_dependency_is_only_a_remark() -> None:
    relations = relate([skill("a", needs("b")), skill("b", needs("a", optional=True))])
    assert codes(relations) == [("skill:a", "optional_cycle")]
    wider = relate([skill("a", needs("b")), skill("b", needs("a"), needs("c", optional=True)), skill("c", needs("a"))])
    assert codes(wider) == [("skill:a", "cycle"), ("skill:a", "optional_cycle")]


def test_platform_dependencies_close_no_circle() -> None:
    assert relate([skill("a", needs("a", platform=True))]).findings == ()


def test_the_order_of_nodes_does_not_matter() -> None:
    random = Random(3)
    nodes = [
        skill(str(n), *(needs(str(random.randrange(45)), optional=random.random() < 0.5) for _ in range(2)))
        for n in range(40)
    ]
    expected = relate(nodes)
    for _ in range(20):
        random.shuffle(nodes)
        assert relate(nodes) == expected


def test_circles_agree_with_plain_reachability() -> None:
    for seed in range(60):
        random = Random(seed)
        edges = {n: {random.randrange(9) for _ in range(random.randrange(3))} for n in range(9)}
        reach = {n: set(targets) for n, targets in edges.items()}
        for _ in range(9):
            reach = {n: targets | {far for near in targets for far in reach[near]} for n, targets in reach.items()}
        circular = {
            frozenset(m for m in range(9) if m in reach[n] and n in reach[m]) for n in range(9) if n in reach[n]
        }
        found = relate(
            [skill(str(n), *(needs(str(t)) for t in sorted(targets))) for n, targets in edges.items()]
        ).findings
        assert sorted(min(circle) for circle in circular) == sorted(int(f.ref.id) for f in found)
        assert sorted(len(circle) for circle in circular) == sorted(int(f.params["count"]) for f in found)


def test_node_of_an_item() -> None:
    item = Item(Kind.SKILL, "a", "2.0", provides=(Provided("c", version="1"),), requires=(needs("b"),))
    assert Node.of(item, ["1.0"]) == Node(Kind.SKILL, "a", ("2.0", "1.0"), (("c", "1"),), (needs("b"),))


@pytest.mark.parametrize("count", [10_000, pytest.param(100_000, marks=pytest.mark.exhaustive)])
def test_a_long_chain_is_no_deeper_than_a_table(count: int) -> None:
    chain = [skill(f"{n:06}", needs(f"{n + 1:06}")) for n in range(count - 1)]
    assert relate([*chain, skill(f"{count - 1:06}")]).findings == ()
    relations = relate([*chain, skill(f"{count - 1:06}", needs("000000"))])
    [finding] = relations.findings
    assert finding.params["count"] == count
    assert len(str(finding.params["path"])) < 300
