"""The way from the command line to the running node: a Unix socket in `OODER_HOME/run`, JSON lines.

One connection is one request, `{"method": NAME, "params": {...}, "language": "en"|"zh"}`; the answer is any number of
`{"result": {...}}` lines, then `{"done": true}` or `{"error": BODY}`. The socket is 0600 in a 0700 folder, and the kernel is
asked who is at the other end: only this user is answered.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from node.paths import Paths
from node.scene.views import make_private
from protocol import limits
from protocol.errors import (
    ConflictError,
    DataError,
    IntegrityError,
    NotFoundError,
    OoderError,
    PolicyError,
    StorageError,
    UnavailableError,
    UsageError,
)

SOCKET: Final = "node.sock"
_CREDENTIALS: Final = struct.Struct("3i")

Method = Callable[[Mapping[str, Any], str], AsyncIterator[Mapping[str, Any]]]
"""(parameters, language) -> results. Raises OoderError."""

_FAULTS: Final = {
    kind.fault: kind
    for kind in (
        UsageError,
        DataError,
        UnavailableError,
        StorageError,
        PolicyError,
        ConflictError,
        IntegrityError,
        OoderError,
    )
}


# --- The node's side ------------------------------------------------------------------------------------------------
@asynccontextmanager
async def serve_control(paths: Paths, methods: Mapping[str, Method]) -> AsyncIterator[None]:
    """Answer requests while inside. The caller holds the node's lock, so a socket that is there is a dead one's."""
    listener = await asyncio.to_thread(_listen, paths)
    slots = asyncio.Semaphore(limits.CONTROL_CLIENTS)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with slots:
            with suppress(ConnectionError):
                await _answer(reader, writer, methods)
            writer.close()

    server = await asyncio.start_unix_server(answer, sock=listener, limit=limits.CONTROL_REQUEST_BYTES)
    try:
        yield
    finally:
        server.close()
        await asyncio.to_thread((paths.run / SOCKET).unlink, missing_ok=True)


def _listen(paths: Paths) -> socket.socket:
    make_private(paths.run)
    listener = socket.socket(socket.AF_UNIX)
    with _at(paths.run) as place:
        Path(place).unlink(missing_ok=True)
        try:
            listener.bind(place)  # nobody else can pass the folder, whatever the socket's mode is at first
            Path(place).chmod(0o600)
        except OSError as error:
            raise StorageError("home.unwritable", path=str(paths.run), reason=error.strerror or str(error)) from error
    return listener


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, methods: Mapping[str, Method]) -> None:
    language = "en"
    try:
        _check_user(writer.get_extra_info("socket"))
        request = await _read_request(reader)
        language = "zh" if request.get("language") == "zh" else "en"
        name, params = request.get("method"), request.get("params")
        method = methods.get(name) if isinstance(name, str) else None
        if method is None:
            raise UsageError("node.unknown_method", method=str(name)[:100])
        async for result in method(params if isinstance(params, dict) else {}, language):
            await _send(writer, {"result": result})
        await _send(writer, {"done": True})
    except OoderError as error:
        await _send(writer, {"error": {**error.body(language), "class": type(error).__name__}})
    except (ConnectionError, asyncio.CancelledError):
        raise
    except Exception as error:  # noqa: BLE001 - one request may not take the node down
        defect = OoderError("node.defect", kind=type(error).__name__, reason=str(error)[:300])
        await _send(writer, {"error": {**defect.body(language), "class": "OoderError"}})


async def _read_request(reader: asyncio.StreamReader) -> dict[str, Any]:
    try:
        async with asyncio.timeout(limits.CALL_SECONDS):
            request = json.loads(await reader.readline())
    except (ValueError, RecursionError) as error:
        raise UsageError("node.control_failed", reason="the request is no JSON line, or too long") from error
    except TimeoutError:
        raise UsageError("node.control_failed", reason="no request came") from None
    return request if isinstance(request, dict) else {}


async def _send(writer: asyncio.StreamWriter, fact: Mapping[str, Any]) -> None:
    writer.write(json.dumps(fact, ensure_ascii=False, default=str).encode("utf-8", "surrogatepass") + b"\n")
    await writer.drain()


def _check_user(connection: Any) -> None:
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    if _CREDENTIALS.unpack(raw)[1] != os.getuid():
        raise PolicyError("node.foreign_user")


# --- The command line's side ----------------------------------------------------------------------------------------
def is_running(paths: Paths) -> bool:
    """Whether a node answers on the control socket."""
    try:
        with _connect(paths, 2.0):
            return True
    except OoderError:
        return False


def request(
    paths: Paths, method: str, params: Mapping[str, Any], *, language: str = "en", seconds: float = 0.0
) -> Iterator[dict[str, Any]]:
    """Ask the running node. Yields results; raises the node's own error, or UnavailableError `node.not_running`,
    `node.control_failed`. `seconds` bounds the silence between two lines."""
    wait = (seconds or limits.CALL_LONGEST_SECONDS) + 10.0
    with _connect(paths, wait) as connection, connection.makefile("rwb") as stream:
        try:
            line = json.dumps({"method": method, "params": params, "language": language}, ensure_ascii=False)
            stream.write(line.encode("utf-8", "surrogatepass") + b"\n")
            stream.flush()
            while True:
                fact = _read_line(stream.readline(limits.CONTROL_LINE_BYTES))
                if "result" not in fact:
                    return
                yield fact["result"]
        except (OSError, ValueError) as error:
            raise UnavailableError("node.control_failed", reason=str(error)[:200] or type(error).__name__) from error


def ask(paths: Paths, method: str, params: Mapping[str, Any], *, language: str = "en", seconds: float = 0.0) -> Any:
    """As `request`, for methods with one result."""
    results = list(request(paths, method, params, language=language, seconds=seconds))
    return results[0] if results else {}


def _read_line(line: bytes) -> dict[str, Any]:
    if not line.endswith(b"\n"):
        raise ValueError("the node stopped in the middle of its answer")
    fact = json.loads(line)
    if not isinstance(fact, dict):
        raise ValueError("the answer is no JSON object")
    if isinstance(fact.get("error"), dict):
        raise error_of(fact["error"])
    return fact


def error_of(body: Mapping[str, Any]) -> OoderError:
    """The error that the node raised, again."""
    kind = NotFoundError if body.get("class") == "NotFoundError" else _FAULTS.get(str(body.get("fault")), OoderError)
    params = body.get("params")
    try:
        return kind(str(body.get("code")), **(params if isinstance(params, dict) else {}))
    except KeyError:  # a newer node may have codes that this program has no words for
        return UnavailableError("node.control_failed", reason=str(body.get("message"))[:500])


@contextmanager
def _connect(paths: Paths, seconds: float) -> Iterator[socket.socket]:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(seconds)
    with connection:
        try:
            with _at(paths.run) as place:
                connection.connect(place)
        except OSError as error:
            raise UnavailableError("node.not_running", home=str(paths.home)) from error
        yield connection


@contextmanager
def _at(folder: Path) -> Iterator[str]:
    """The socket's address: through a descriptor of its folder, because addresses may have 107 bytes only."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET}"
    finally:
        os.close(descriptor)
