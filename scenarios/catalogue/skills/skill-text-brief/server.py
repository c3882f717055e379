"""Text summaries over HTTP: the first sentence of every part of the text, evenly spread.

Listens on 127.0.0.1, port OODER_PORT. GET /health answers {"status": "ok"}; POST /api/v1/text/summarize takes
{"text": ..., "sentences": 1 to 20} as the capability text-summarize says.
"""

import json
import os
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TEXT_CHARS = 200_000
BODY_BYTES = 1_000_000
SENTENCE_END = re.compile(r"(?<=[。！？!?])(?![。！？!?])|(?<=\.)(?=\s)|\n")


def summarize(text: str, count: int) -> list[str]:
    """`count` sentences at even distances through `text`, the first one always among them."""
    sentences = [part.strip() for part in SENTENCE_END.split(text) if part.strip()]
    count = min(count, len(sentences))
    return [sentences[index * len(sentences) // count] for index in range(count)]


class Handler(BaseHTTPRequestHandler):
    timeout = 30

    def do_GET(self) -> None:
        if self.path == "/health":
            self.answer(200, {"status": "ok"})
        else:
            self.refuse(404, 4104, "unknown path")

    def do_POST(self) -> None:
        if self.path != "/api/v1/text/summarize":
            return self.refuse(404, 4104, "unknown path")
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            return self.refuse(411, 4100, "Content-Length is needed")
        if int(length) > BODY_BYTES:
            return self.refuse(413, 4101, "text is too long")
        try:
            request = json.loads(self.rfile.read(int(length)))
            text, count = request["text"], request.get("sentences", 3)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return self.refuse(400, 4100, "the body is not a JSON object with a text")
        if not isinstance(text, str) or not text:
            return self.refuse(400, 4100, "text must be a non-empty string")
        if type(count) is not int or not 1 <= count <= 20:
            return self.refuse(400, 4100, "sentences must be 1 to 20")
        if len(text) > TEXT_CHARS:
            return self.refuse(413, 4101, "text is too long")
        kept = summarize(text, count)
        return self.answer(200, {"summary": " ".join(kept), "sentences": kept})

    def answer(self, status: int, body: dict[str, object]) -> None:
        data = json.dumps(body, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def refuse(self, status: int, code: int, message: str) -> None:
        self.close_connection = True
        self.answer(status, {"code": code, "message": message})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Stay quiet: the node keeps its own log of calls."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["OODER_PORT"])), Handler).serve_forever()
