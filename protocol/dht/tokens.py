"""Tokens that prove an asker receives at the address it writes from (BEP 5).

A token is a keyed hash of address and asker under a secret of this process and an epoch of 5 minutes; the epoch before is still
good. Nothing is stored, so nobody can fill anything by asking for tokens, and a hoarded token is worthless elsewhere and soon.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from protocol.dht.messages import TOKEN

EPOCH_SECONDS: Final = 300.0


class Tokens:
    """`secret` is 32 random bytes, drawn when the node starts."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def make(self, ip: str, port: int, sender: bytes, now: float) -> bytes:
        """The token for `sender` at an address, at loop time `now`."""
        return self._of(ip, port, sender, int(now // EPOCH_SECONDS))

    def valid(self, token: bytes, ip: str, port: int, sender: bytes, now: float) -> bool:
        """Whether we gave this token to `sender` at this address within the last 5 to 10 minutes."""
        if len(token) != TOKEN:
            return False
        epoch = int(now // EPOCH_SECONDS)
        return hmac.compare_digest(token, self._of(ip, port, sender, epoch)) or hmac.compare_digest(
            token, self._of(ip, port, sender, epoch - 1)
        )

    def _of(self, ip: str, port: int, sender: bytes, epoch: int) -> bytes:
        text = b"%d %d %b " % (epoch, port, ip.encode()) + sender
        return hashlib.blake2b(text, digest_size=TOKEN, key=self._secret).digest()
