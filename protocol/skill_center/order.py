"""An order: what a publisher wants done at one registry, now. It is what a token is elsewhere, but worth nothing to who steals it:
it names the registry, the act and the release record, lives two minutes, and is taken once.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from protocol.errors import DataError, PolicyError
from protocol.identity import SigningKey
from protocol.records import sign_record
from protocol.skill_center.sealed import fields, open_text, text_of, to_text

ORDER: Final = "ooder/order+v1"
ORDER_SECONDS: Final = 120


class Act(StrEnum):
    """What can be ordered. The status of a release is said in its record; `revoke` also puts it on the revocation list."""

    PUBLISH = "publish"
    STATUS = "status"
    REVOKE = "revoke"


@dataclass(frozen=True, slots=True)
class Order:
    """`registry` is the agent id of the registry's key, `record` the digest of the release record that comes along."""

    act: Act
    registry: str
    record: str


@dataclass(frozen=True, slots=True)
class SignedOrder:
    """An order whose signature was checked. Until `expires_at` (wall seconds) its `digest` must not be taken again."""

    order: Order
    key: str
    digest: str
    expires_at: float


def sign_order(key: SigningKey, order: Order, now: float) -> str:
    """The order as text for a header line."""
    issued = int(now * 1000)
    data = sign_record(
        key,
        record_type=ORDER,
        name=order.registry,
        seq=issued,
        issued_ms=issued,
        expires_ms=issued + ORDER_SECONDS * 1000,
        value={"act": order.act.value, "record": order.record},
    )
    return to_text(data)


def open_order(text: str, registry: str, now: float) -> SignedOrder:
    """Check an order given to `registry`. Raises DataError `record.*` (`record.expired` when it is too old), IntegrityError
    `record.bad_signature`, PolicyError `center.other_registry`."""
    record = open_text(text, ORDER, now, ORDER_SECONDS)
    if record.name != registry:
        raise PolicyError("center.other_registry", found=record.name, wanted=registry)
    values = fields(record)
    try:
        act = Act(text_of(values, "act"))
    except ValueError:
        raise DataError("record.malformed", reason="an act that is unknown") from None
    order = Order(act, record.name, text_of(values, "record"))
    return SignedOrder(order, record.key.fingerprint, record.digest, record.expires_at)
