"""Generation files: deterministic JSON with a checksum over its own body, so that a torn or edited file is noticed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from protocol import limits
from protocol.errors import DataError
from protocol.install.apply import check
from protocol.install.model import FORMAT, Consent, Generation, Installed, Origin, Route
from protocol.refs import Kind, is_id

T = TypeVar("T")
Row = Mapping[str, Any]


def encode_generation(generation: Generation) -> bytes:
    """The bytes of `gen/<n>.json`: sorted keys, one item per line, LF."""
    body = {
        "number": generation.number,
        "at": generation.at,
        "reason": generation.reason,
        "parent": generation.parent,
        "items": [item_row(item) for item in generation.items],
        "consents": [_consent_row(consent) for consent in generation.consents],
    }
    document = {"format": FORMAT, "sha256": _checksum(body), "generation": body}
    return (json.dumps(document, ensure_ascii=False, sort_keys=True, indent=1) + "\n").encode()


def decode_generation(data: bytes) -> Generation:
    """Read a generation file. Raises DataError `install.bad_record` (what, reason) and what `check` raises."""
    document = read_json(data, "generation")
    if document.get("format") != FORMAT:
        raise bad("generation", f"format {document.get('format')!r} is not {FORMAT}")
    body = document.get("generation")
    if not isinstance(body, dict) or document.get("sha256") != _checksum(body):
        raise bad("generation", "its checksum does not match its content")
    return check(
        Generation(
            number=number(body, "number"),
            at=real(body, "at"),
            reason=text(body, "reason"),
            parent=number(body, "parent"),
            items=rows(body, "items", read_item),
            consents=rows(body, "consents", _read_consent),
        )
    )


def item_row(item: Installed) -> dict[str, object]:
    """One item as a JSON object; shared by generation files, bundles and `--json` output."""
    return {
        "kind": item.kind.value,
        "id": item.id,
        "version": item.version,
        "principal": item.principal,
        "digest": item.digest,
        "size": item.size,
        "files": item.files,
        "trust": item.trust,
        "key": item.key,
        "sources": [{"kind": o.kind, "url": o.url, "commit": o.commit, "sha256": o.sha256} for o in item.sources],
        "needs": list(item.needs),
        "requested": item.requested,
        "first_seen": item.first_seen,
        "routes": [{"capability": r.capability, "skills": list(r.skills), "strategy": r.strategy} for r in item.routes],
        "required_by": list(item.required_by),
    }


def read_item(row: Row) -> Installed:
    """The twin of `item_row`. Raises DataError `install.bad_record`."""
    kind = text(row, "kind")
    if kind not in {Kind.SCENE.value, Kind.SKILL.value, Kind.CAPABILITY.value}:
        raise bad("item", f"kind {kind!r} cannot be installed")
    item = Installed(
        kind=Kind(kind),
        id=text(row, "id"),
        version=text(row, "version"),
        principal=text(row, "principal"),
        digest=text(row, "digest"),
        size=number(row, "size"),
        files=number(row, "files"),
        trust=text(row, "trust"),
        key=text(row, "key"),
        sources=rows(row, "sources", _read_origin),
        needs=texts(row, "needs"),
        requested=flag(row, "requested"),
        first_seen=real(row, "first_seen"),
        routes=rows(row, "routes", _read_route),
        required_by=texts(row, "required_by"),
    )
    return check_item(item)


def check_item(item: Installed) -> Installed:
    """Return the item if its id and digest can be used in paths. Raises DataError `install.bad_record`."""
    if not is_id(item.id) or not item.principal or any(c.isspace() for c in item.principal + item.version):
        raise bad("item", f"{item.release!r} has an id, version or principal that cannot be used")
    if (item.digest or item.kind is Kind.SKILL) and not is_digest(item.digest):
        raise bad("item", f"{item.ref} has no usable digest")
    return item


def is_digest(value: str) -> bool:
    """Whether this is "sha256:" and 64 lower-case hex digits."""
    name, _, digits = value.partition(":")
    return name == "sha256" and len(digits) == 64 and set(digits) <= set("0123456789abcdef")


def _consent_row(consent: Consent) -> dict[str, object]:
    return {
        "at": consent.at,
        "who": consent.who,
        "release": consent.release,
        "digest": consent.digest,
        "permissions": list(consent.permissions),
        "note": consent.note,
    }


def _read_consent(row: Row) -> Consent:
    return Consent(
        real(row, "at"),
        text(row, "who"),
        text(row, "release"),
        text(row, "digest"),
        texts(row, "permissions"),
        text(row, "note"),
    )


def _read_origin(row: Row) -> Origin:
    return Origin(text(row, "kind"), text(row, "url"), text(row, "commit"), text(row, "sha256"))


def _read_route(row: Row) -> Route:
    return Route(text(row, "capability"), texts(row, "skills"), text(row, "strategy"))


def _checksum(body: object) -> str:
    return hashlib.sha256(json.dumps(body, ensure_ascii=False, sort_keys=True).encode("utf-8", "replace")).hexdigest()


def bad(what: str, reason: str) -> DataError:
    """The one error for a record that cannot be read."""
    return DataError("install.bad_record", what=what, reason=reason[:500])


def read_json(data: bytes, what: str) -> dict[str, Any]:
    """A JSON object from bounded bytes. Raises DataError `install.bad_record`."""
    if len(data) > limits.GENERATION_BYTES:
        raise bad(what, f"longer than {limits.GENERATION_BYTES} bytes")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise bad(what, f"not JSON: {error}") from None
    if not isinstance(document, dict):
        raise bad(what, "not an object")
    return document


def text(row: Row, key: str) -> str:
    value = row.get(key, "")
    if not isinstance(value, str) or len(value) > limits.RECORD_CHARS:
        raise bad(key, "not a text of acceptable length")
    return value


def number(row: Row, key: str) -> int:
    value = row.get(key, 0)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise bad(key, "not a whole number")
    return value


def real(row: Row, key: str) -> float:
    value = row.get(key, 0.0)
    if not isinstance(value, int | float) or isinstance(value, bool) or value != value:
        raise bad(key, "not a number")
    return float(value)


def flag(row: Row, key: str) -> bool:
    value = row.get(key, False)
    if not isinstance(value, bool):
        raise bad(key, "not true or false")
    return value


def texts(row: Row, key: str) -> tuple[str, ...]:
    value = row.get(key, [])
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise bad(key, "not a list of texts")
    return tuple(value)


def rows(row: Row, key: str, read: Callable[[Row], T]) -> tuple[T, ...]:
    value = row.get(key, [])
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise bad(key, "not a list of objects")
    return tuple(read(entry) for entry in value)
