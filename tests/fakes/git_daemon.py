"""A real `git://` server on loopback for the repositories below one folder.

with git_daemon(tmp_path) as address:
    url = f"{address}/repo"          # git://127.0.0.1:PORT/repo
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def git_daemon(folder: Path) -> Iterator[str]:
    """Serve `folder`; all its processes end with the block."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    words = [
        "--reuseaddr",
        "--listen=127.0.0.1",
        f"--port={port}",
        f"--base-path={folder}",
        "--export-all",
        str(folder),
    ]
    daemon = subprocess.Popen(
        ["git", "daemon", *words], start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(port)
        yield f"git://127.0.0.1:{port}"
    finally:
        os.killpg(daemon.pid, signal.SIGTERM)  # not waited for yet, so the number is still its own
        daemon.wait(10)


def _wait_for(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise TimeoutError("git daemon did not start")
