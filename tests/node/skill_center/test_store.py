"""The store alone keeps every rule, whatever was checked before: it is where two requests meet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.skill_center.center import open_database
from node.skill_center.store import Store
from node.skill_center.tables import NewRelease
from protocol.errors import OoderError
from protocol.identity import SigningKey
from protocol.items import Item, Status
from protocol.refs import Kind
from protocol.skill_center.order import Act, Order, SignedOrder, open_order, sign_order
from protocol.skill_center.release import Release, SignedRelease, item_text, open_release, sha256_of, sign_release
from tests.node.skill_center.registries import ALICE, MALLORY

NOW = 1.7e9
CENTER = SigningKey(b"c" * 32)


@pytest.fixture
def store(tmp_path: Path, database: str) -> Iterator[Store]:
    db = open_database(tmp_path, database)
    yield Store(db, CENTER, lambda: NOW)
    db.close()


def order(key: SigningKey, signed: SignedRelease, act: Act = Act.PUBLISH, at: float = NOW) -> SignedOrder:
    here = CENTER.public.agent_id
    return open_order(sign_order(key, Order(act, here, signed.digest), at), here, NOW)


def new(key: SigningKey, id_: str, seq: int = 5, status: Status = Status.ACTIVE, tree: str = "a") -> NewRelease:
    text = item_text(Item(Kind.SKILL, id_, "1.0.0"))
    release = Release(
        Item(Kind.SKILL, id_, "1.0.0").ref, "sha256:" + tree * 64, tree * 64, 1, 1, 1, sha256_of(text.encode()), status
    )
    return NewRelease(open_release(sign_release(key, release, seq, NOW), NOW), text)


def refused(work: object, *args: object) -> str:
    with pytest.raises(OoderError) as caught:
        work(*args)  # type: ignore[operator]
    return caught.value.code


def test_an_order_is_spent_once_whatever_comes_with_it(store: Store) -> None:
    first = new(ALICE, "first")
    spent = order(ALICE, first.signed)
    assert store.publish(spent, first) == 1
    assert refused(store.publish, spent, new(ALICE, "second")) == "center.replayed"
    assert store.last() == 1 and store.release(new(ALICE, "second").signed.release.ref) is None


def test_a_name_has_one_owner(store: Store) -> None:
    mine, theirs = new(ALICE, "acme.a"), new(MALLORY, "Acme.b")
    store.publish(order(ALICE, mine.signed), mine)
    assert refused(store.publish, order(MALLORY, theirs.signed), theirs) == "center.not_your_name"
    assert store.adopt([theirs]) == 0
    assert store.publish(order(MALLORY, theirs.signed, at=NOW + 1), theirs, granted=True) == 2
    assert store.owner("acme") == MALLORY.public.fingerprint


def test_a_word_older_than_the_last_one_changes_nothing(store: Store) -> None:
    first = new(ALICE, "first", 5)
    store.publish(order(ALICE, first.signed), first)
    gone = new(ALICE, "first", 7, Status.WITHDRAWN).signed
    store.set_status(order(ALICE, gone, Act.STATUS), gone)
    for seq in (6, 7):
        back = new(ALICE, "first", seq, Status.ACTIVE).signed
        assert refused(store.set_status, order(ALICE, back, Act.STATUS), back) == "center.replayed"
    other = new(ALICE, "first", 9, Status.ACTIVE, "b").signed
    assert refused(store.set_status, order(ALICE, other, Act.STATUS), other) == "center.version_exists"
    kept = store.release(first.signed.release.ref)
    assert kept is not None and open_release(kept.record, NOW).release.status is Status.WITHDRAWN
    assert [event.type for event in store.events(0, 10).events] == ["release.published", "release.withdrawn"]
