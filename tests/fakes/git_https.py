"""A real git server over https on loopback: `git http-backend` for the repositories below one folder.

with GitHttps(tmp_path / "served", context) as server:
    server.url("repo")                       # https://127.0.0.1:PORT/repo
    server.leads["/old"] = "https://..."     # whoever asks below /old is sent there
    server.locked.add("/mine")               # asks for a name and a password
    server.asked                             # paths, as they came
"""

from __future__ import annotations

import os
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType


class GitHttps:
    """Serves until the end of the block."""

    def __init__(self, folder: Path, tls: ssl.SSLContext) -> None:
        self.folder, self.leads, self.locked, self.asked = folder, dict[str, str](), set[str](), list[str]()
        around = self

        class Answering(_Answering):
            server_of = around

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that hangs up
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def url(self, name: str) -> str:
        return f"https://127.0.0.1:{self._server.server_port}/{name}"

    def __enter__(self) -> GitHttps:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()


class _Answering(BaseHTTPRequestHandler):
    server_of: GitHttps

    def do_GET(self) -> None:
        server, (path, _, query) = self.server_of, self.path.partition("?")
        server.asked.append(path)
        lead = next((start for start in server.leads if path.startswith(start + "/")), "")
        if lead:
            self._say(302, {"Location": f"{server.leads[lead]}{path.removeprefix(lead)}?{query}"}, b"")
        elif any(path.startswith(start + "/") for start in server.locked):
            self._say(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"")
        else:
            head, _, body = self._backend(path, query).partition(b"\r\n\r\n")
            lines = dict(line.split(": ", 1) for line in head.decode().splitlines())
            self._say(int(lines.pop("Status", "200")[:3]), lines, body)

    do_POST = do_GET

    def _say(self, status: int, lines: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {**lines, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _backend(self, path: str, query: str) -> bytes:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.server_of.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        return subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True).stdout

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base class has it
        """Tests say themselves what matters."""
