"""Who may use the control plane: the token of this start, one-time links, and the browsers that exchanged one.

The token is new with every start. Sessions outlive it, so that an open page finds its way back after a restart; only their digests
are written down. Everything is compared in constant time, and every table is bounded.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from protocol import limits
from protocol.errors import StorageError, UsageError


class Keys:
    """`folder` is OODER_HOME/run; `wall` gives seconds since 1970."""

    def __init__(self, folder: Path, wall: Callable[[], float]) -> None:
        self._folder, self._wall = folder, wall
        self._links: dict[str, float] = {}
        self._sessions: dict[str, float] = self._recall()
        self.token = secrets.token_urlsafe(32)
        self._token_digest = _digest(self.token)

    @property
    def token_path(self) -> Path:
        """Where programs of this user find the token."""
        return self._folder / "token"

    # --- The token -----------------------------------------------------------------------------------------------
    def publish(self, address: str) -> None:
        """Write the token and where to use it, for this user only. Raises StorageError `api.private_file`."""
        write_private(self.token_path, self.token.encode())
        write_private(self._folder / "address", address.encode())

    def withdraw(self) -> None:
        """Remove both when the node stops."""
        for name in ("token", "address"):
            with suppress(OSError):
                (self._folder / name).unlink()

    def is_token(self, text: str) -> bool:
        """Whether `text` is the token."""
        return hmac.compare_digest(_digest(text), self._token_digest)

    # --- Links and sessions ----------------------------------------------------------------------------------------
    def make_link(self) -> str:
        """A secret that opens one session."""
        secret = secrets.token_urlsafe(32)
        while len(self._links) >= limits.API_LINKS:
            self._links.pop(next(iter(self._links)))
        self._links[_digest(secret)] = self._wall() + limits.API_LINK_SECONDS
        return secret

    def open_session(self, secret: str) -> str:
        """Exchange the secret of a link for that of a session. Raises UsageError `api.link_used`."""
        until = self._links.pop(_digest(secret), 0.0)
        if until <= self._wall():
            raise UsageError("api.link_used")
        session = secrets.token_urlsafe(32)
        while len(self._sessions) >= limits.API_SESSIONS:
            self._sessions.pop(next(iter(self._sessions)))
        self._sessions[_digest(session)] = self._wall() + limits.API_SESSION_SECONDS
        self._remember()
        return session

    def is_session(self, secret: str) -> bool:
        """Whether `secret` belongs to an open session."""
        return bool(secret) and self._sessions.get(_digest(secret), 0.0) > self._wall()

    def close_session(self, secret: str) -> None:
        """Sign a browser out."""
        if self._sessions.pop(_digest(secret), None) is not None:
            self._remember()

    @property
    def _sessions_path(self) -> Path:
        return self._folder / "sessions.json"

    def _recall(self) -> dict[str, float]:
        try:
            with os.fdopen(os.open(self._sessions_path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as stream:
                if os.fstat(stream.fileno()).st_mode & 0o077:
                    return {}
                found = json.loads(stream.read(64 * limits.KIB))
            now = self._wall()
            kept = {str(key): float(until) for key, until in found.items() if float(until) > now}
            return dict(list(kept.items())[-limits.API_SESSIONS :])
        except (OSError, ValueError, TypeError, AttributeError):
            return {}  # everybody signs in again

    def _remember(self) -> None:
        write_private(self._sessions_path, json.dumps(self._sessions).encode())


def write_private(path: Path, data: bytes) -> None:
    """Replace a file of the run folder, 0600, never through a link. Raises StorageError `api.private_file`."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.parent.chmod(0o700)
        with suppress(FileNotFoundError):
            temporary.unlink()
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        temporary.replace(path)
    except OSError as error:
        raise StorageError("api.private_file", path=str(path), reason=error.strerror or str(error)) from error


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
