"""A PostgreSQL of our own: Debian's server, as an unprivileged user, in a temporary folder, on a Unix socket only.

with postgresql_server() as server:
    url = server.fresh_database()
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest


@dataclass
class Server:
    folder: str
    user: str
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def url(self, name: str) -> str:
        return f"postgresql:///{name}?host={self.folder}&user={self.user}"

    def fresh_database(self) -> str:
        """The address of an empty database."""
        import psycopg

        name = f"center_{next(self._numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as db:
            db.execute(f"CREATE DATABASE {name}")
        return self.url(name)


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    if not found and not on_path:
        pytest.skip("no PostgreSQL server here (Debian: apt-get install postgresql)")
    return found[-1].parent if found else Path(str(on_path)).parent


@contextmanager
def postgresql_server() -> Iterator[Server]:
    """Started, and stopped by its own process id. Skips the test with a reason where there is none."""
    pytest.importorskip("psycopg", reason="the PostgreSQL driver is not installed")
    binaries = _binaries()
    user = "nobody" if os.getuid() == 0 else ""
    folder = Path(tempfile.mkdtemp(prefix="ooder-pg-"))
    try:
        if user:
            shutil.chown(folder, user)
        quiet = {
            "stdout": subprocess.DEVNULL,
            "cwd": folder,
            "user": user or None,
            "env": {"LC_ALL": "C", "PATH": "/usr/bin"},
        }
        init = [str(binaries / "initdb"), "-D", str(folder / "data"), "-A", "trust", "-N", "-U", "ooder", "-E", "UTF8"]
        subprocess.run(init, check=True, timeout=60, stderr=subprocess.DEVNULL, **quiet)
        switches = [f"unix_socket_directories={folder}", "listen_addresses=", "fsync=off", "max_connections=50"]
        command = [str(binaries / "postgres"), "-D", str(folder / "data")]
        command += [word for switch in switches for word in ("-c", switch)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **quiet) as process:
            assert process.stderr is not None
            for line in process.stderr:
                if "ready to accept connections" in line:
                    break
            try:
                yield Server(str(folder), "ooder")
            finally:
                process.send_signal(signal.SIGINT)  # connections that are still open do not hold it up
                process.stderr.read()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
