"""A hostile neighbour: as much junk as it can send for some seconds, at most 20,000 datagrams a second."""

from __future__ import annotations

import random
import socket
import sys
import time

PORT, PER_SECOND = 48_888, 20_000


def main(everybody: str, seconds: float) -> None:
    chance = random.Random(7)  # noqa: S311 - junk
    junk = [chance.randbytes(chance.randrange(8, 900)) for _ in range(64)]
    junk += [b"OODE\x01" + len(each).to_bytes(2, "big") + each for each in junk]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        began, sent = time.monotonic(), 0
        while (now := time.monotonic()) < began + seconds:
            for _ in range(100):
                sock.sendto(junk[sent % len(junk)], (everybody, PORT))
                sent += 1
            time.sleep(max(0.0, began + sent / PER_SECOND - now))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
