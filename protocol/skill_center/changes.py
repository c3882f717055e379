"""Changes: releases with everything that proves them, in the order in which the registry took them in.

One object for each release that changed after a number (`n`): the publisher's record and the item's JSON text, both exactly
as signed. A client that has all changes up to the head's number can compute the head's `catalogue` and so knows that nothing
was left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protocol.errors import DataError
from protocol.items import Item, Json
from protocol.skill_center.release import SignedRelease, open_item, open_release


@dataclass(frozen=True, slots=True)
class Change:
    """One release as the registry has it now. `downloads` is its own count, `published_at` wall seconds by its clock."""

    n: int
    signed: SignedRelease
    item: Item
    item_text: str
    published_at: float = 0.0
    downloads: int = 0
    mirrored_from: str = ""  # agent id of the registry it was taken from; such releases are not mirrored again


def encode_change(
    n: int, release: str, item_text: str, published_at: float = 0.0, downloads: int = 0, *, mirrored_from: str = ""
) -> dict[str, Json]:
    """As JSON; `release` is the record as text."""
    change: dict[str, Json] = {
        "n": n,
        "release": release,
        "item": item_text,
        "published_at": published_at,
        "downloads": downloads,
    }
    return {**change, "mirrored_from": mirrored_from} if mirrored_from else change


def decode_change(value: object, now: float) -> Change:
    """Read and check a change. Raises DataError `center.bad_change`, `record.*`, `item.malformed`; IntegrityError
    `record.bad_signature`, `center.other_item`."""
    if not isinstance(value, Mapping):
        raise DataError("center.bad_change", reason="no object")
    n, release, text = value.get("n"), value.get("release"), value.get("item")
    at, downloads = value.get("published_at", 0), value.get("downloads", 0)
    if type(n) is not int or not 0 < n < 2**53 or not isinstance(release, str) or not isinstance(text, str):
        raise DataError("center.bad_change", reason="number, record or item is missing")
    if type(at) not in (int, float) or type(downloads) is not int or not 0 <= downloads < 2**53:
        raise DataError("center.bad_change", reason="time or count")
    origin = value.get("mirrored_from", "")
    if not isinstance(origin, str) or len(origin) > 100:
        raise DataError("center.bad_change", reason="where it was mirrored from")
    signed = open_release(release, now)
    return Change(n, signed, open_item(text, signed.release), text, float(at), downloads, origin)
