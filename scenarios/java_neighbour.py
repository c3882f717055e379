"""A neighbour as the Java SDK speaks: framed text, unsigned, every 2 s; and as it listens: anything but a frame of a known type kills it."""

from __future__ import annotations

import socket
import sys
import time

PORT = 48_888
TEXT = "AGENT_ANNOUNCE:agent-java-1;user-7;java-desk;cap-report,cap-mail;;online;{stamp}"
KNOWN_TYPES = {1, 2, 3}
BUFFER = 1_024


def hear(data: bytes) -> str:
    """Why the codec dies of this datagram; "" when it lives. Its buffer cuts what is longer."""
    data = data[:BUFFER]
    if data[:4] != b"OODE":
        return "no magic: the listener's thread ends"
    if len(data) < 7:
        return "buffer underflow"
    length = int.from_bytes(data[5:7], "big", signed=True)
    if length < 0 or 7 + length > len(data):
        return "negative array size or buffer underflow"
    return ""


def main(everybody: str) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.bind(("", PORT))
        spoke = 0.0
        while True:
            now = time.monotonic()
            if now - spoke >= 2.0:
                spoke = now
                payload = TEXT.format(stamp=int(time.time() * 1000)).encode()
                sock.sendto(b"OODE\x01" + len(payload).to_bytes(2, "big") + payload, (everybody, PORT))
            sock.settimeout(max(0.01, spoke + 2.0 - now))
            try:
                data, _ = sock.recvfrom(65_535)
            except TimeoutError:
                continue
            reason = hear(data)
            if reason:
                print(f"died: {reason}: {data[:40]!r}", flush=True)
                return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
