"""The receiver of the real Java node, as it was observed to live and die (WIRE 3.1): a model to aim our datagrams at.

It reads a datagram into 1,024 bytes, then header, type, signed length and payload without looking first; an exception ends its
thread for ever. Only a well-formed frame of type 1-3 is understood.

>>> java = JavaReceiver()
>>> java.receive(b"AGENT_ANNOUNCE:node-7;lin;desk-2;40,B0;msg;online;0")
>>> java.alive
False
"""

from __future__ import annotations

from dataclasses import dataclass, field

BUFFER = 1_024
KNOWN = {1: "AGENT_ANNOUNCE", 2: "CAP_SHARE", 3: "SCENE_CREATE"}


@dataclass
class JavaReceiver:
    """Deaf from the first bad datagram until it is restarted."""

    alive: bool = True
    understood: list[tuple[str, str]] = field(default_factory=list)
    died_of: str = ""

    def receive(self, datagram: bytes) -> None:
        """One datagram arrives at port 48888."""
        if not self.alive:
            return None
        data = datagram[:BUFFER]
        if len(data) < 7:
            return self._die("BufferUnderflowException")
        length = int.from_bytes(data[5:7], "big", signed=True)
        if length < 0:
            return self._die("NegativeArraySizeException")
        if length > len(data) - 7:
            return self._die("BufferUnderflowException")
        if data[:4] == b"OODE" and data[4] in KNOWN:
            self.understood.append((KNOWN[data[4]], data[7 : 7 + length].decode("utf-8", "replace")))
        return None

    def _die(self, reason: str) -> None:
        self.alive, self.died_of = False, reason
