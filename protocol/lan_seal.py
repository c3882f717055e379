"""The seal of a node's datagrams: key (32 bytes), signature (64), payload; signed as `pae("ooder/lan+v1", key + payload)`.

Presence is not a `protocol.records` record: a neighbour with a wrong clock must still be seen, so life is proved by
sequence, start and echo (`protocol.lan_admission`), not by dates.
"""

from __future__ import annotations

from functools import lru_cache

from protocol.errors import DataError
from protocol.identity import KEY_BYTES, SIGNATURE_BYTES, PublicKey, SigningKey, agent_id_of
from protocol.lan_extension import RECORD_TYPE
from protocol.records import pae

_HEAD = KEY_BYTES + SIGNATURE_BYTES


class KeySeal:
    """`Seal` with real keys."""

    overhead = _HEAD

    def __init__(self, key: SigningKey) -> None:
        self._key = key

    @property
    def key(self) -> str:
        """Our own fingerprint."""
        return self._key.public.fingerprint

    def sign(self, payload: bytes) -> bytes:
        raw = self._key.public.raw
        return raw + self._key.sign(pae(RECORD_TYPE, raw + payload)) + payload

    def claim(self, record: bytes) -> tuple[str, bytes] | None:
        key = _public(record[:KEY_BYTES]) if len(record) > _HEAD else None
        return (key.fingerprint, record[_HEAD:]) if key else None

    def holds(self, record: bytes) -> bool:
        key = _public(record[:KEY_BYTES]) if len(record) > _HEAD else None
        return key is not None and key.verify(
            record[KEY_BYTES:_HEAD], pae(RECORD_TYPE, record[:KEY_BYTES] + record[_HEAD:])
        )

    def agent_id(self, key: str) -> str:
        """The id of the node's own agent, as `PublicKey.agent_id` makes it."""
        return agent_id_of(key)


@lru_cache(maxsize=4096)
def _public(raw: bytes) -> PublicKey | None:
    try:
        return PublicKey.parse(raw)
    except DataError:
        return None
