"""A TCP proxy on loopback that spoils what comes back, once a certain request went through it.

    async with FaultProxy(registry.web.port, Fault.RESET, when=b"/changes", at=100) as proxy:
        ...  http://127.0.0.1:{proxy.port}

`at` is the byte of the answers (counted from the request on) at which it strikes.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from enum import StrEnum
from typing import Any


class Fault(StrEnum):
    LATENCY = "latency"  # a tenth of a second before every piece
    RATE = "rate"  # 200 bytes a second
    SLICE = "slice"  # byte by byte
    RESET = "reset"
    FIN = "fin"
    FLIP = "flip"  # one bit
    GARBAGE = "garbage"  # something else from there on
    BLACKHOLE = "blackhole"  # taken and never answered
    REFUSE = "refuse"  # nobody listens


class FaultProxy:
    """Forwards to `to`; one fault for all connections."""

    def __init__(self, to: int, fault: Fault, *, when: bytes = b"", at: int = 0) -> None:
        self.to, self.fault, self.when, self.at = to, fault, when, at
        self.port = 0
        self.struck = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> FaultProxy:
        if self.fault is Fault.REFUSE:
            with socket.socket() as closed:
                closed.bind(("127.0.0.1", 0))
                self.port = closed.getsockname()[1]
            return self
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        armed = asyncio.Event()
        with suppress(OSError, asyncio.CancelledError):
            near, far = await asyncio.open_connection("127.0.0.1", self.to)
            back = asyncio.ensure_future(self._back(near, writer, armed))
            self._tasks.add(back)
            while data := await reader.read(65_536):
                if self.when in data:
                    armed.set()
                    if self.fault is Fault.BLACKHOLE:
                        self.struck += 1
                        await asyncio.sleep(3_600)
                far.write(data)
                await far.drain()
            far.close()
        writer.close()

    async def _back(self, near: asyncio.StreamReader, writer: asyncio.StreamWriter, armed: asyncio.Event) -> None:
        count = 0
        with suppress(OSError):
            while data := await near.read(65_536):
                if armed.is_set():
                    spoiled = await self._spoil(data, count, writer)
                    count += len(data)
                    if spoiled is None:
                        return
                    data = spoiled
                writer.write(data)
                await writer.drain()
            writer.close()

    async def _spoil(self, data: bytes, count: int, writer: asyncio.StreamWriter) -> bytes | None:
        """What is passed on instead; None when the connection ended."""
        here = self.at - count
        hit = 0 <= here < len(data)
        self.struck += hit
        if self.fault is Fault.LATENCY:
            await asyncio.sleep(0.1)
        elif self.fault is Fault.RATE:
            for start in range(0, len(data), 20):
                writer.write(data[start : start + 20])
                await asyncio.sleep(0.1)
            return b""
        elif self.fault is Fault.SLICE:
            for byte in data:
                writer.write(bytes([byte]))
                await asyncio.sleep(0)
            return b""
        elif hit and self.fault in (Fault.RESET, Fault.FIN):
            writer.write(data[:here])
            await writer.drain()
            if self.fault is Fault.RESET:
                raw = writer.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
            writer.close()
            return None
        elif hit and self.fault is Fault.FLIP:
            return data[:here] + bytes([data[here] ^ 4]) + data[here + 1 :]
        elif self.fault is Fault.GARBAGE and len(data) > here:
            keep = max(0, here)
            return data[:keep] + bytes((i * 131) % 256 for i in range(len(data) - keep))
        return data
