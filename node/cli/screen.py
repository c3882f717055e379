"""Where output goes: data to stdout, talk to stderr, every outside text made harmless, columns aligned for Chinese too."""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import IO

import click

from node.version import SCHEMA_VERSION
from protocol.display import display
from protocol.errors import OoderError, StorageError

COLORS = {"official": "green", "community": "cyan", "personal": "blue", "unverified": "yellow"}


def width(text: str) -> int:
    """Terminal columns of `text` (East Asian wide characters take two)."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def clip(text: str, columns: int) -> str:
    """`text` in at most `columns` columns, with an ellipsis where something was cut."""
    if width(text) <= columns:
        return text
    kept, used = [], 0
    for char in text:
        used += width(char)
        if used > columns - 1:
            break
        kept.append(char)
    return "".join(kept) + "…"


class ReaderGone(Exception):
    """Whoever read the answer has seen enough; the command ends quietly."""


class OutputError(StorageError):
    """The answer cannot be written where it should go."""


class Screen:
    """One command's output. `as_json` answers are one JSON object (or one per line for streams)."""

    def __init__(self, *, as_json: bool, quiet: bool = False, color: bool | None = None, language: str = "en") -> None:
        self.as_json = as_json
        self.quiet = quiet
        self.language = language
        self._out: IO[str] = sys.stdout
        self._err: IO[str] = sys.stderr
        wants = color if color is not None else self._out.isatty() and not os.environ.get("NO_COLOR")
        self.color = bool(wants) and os.environ.get("TERM") != "dumb"
        self.live = self._err.isatty() and not os.environ.get("CI") and os.environ.get("TERM") != "dumb" and not quiet

    @property
    def columns(self) -> int:
        """Usable width; unlimited where nobody looks."""
        try:
            return os.get_terminal_size(self._out.fileno()).columns
        except (OSError, ValueError):
            return 200

    def style(self, text: str, **style: str | bool) -> str:
        return click.style(text, **style) if self.color else text  # type: ignore[arg-type]

    def data(self, line: str = "") -> None:
        """A line of the answer."""
        self._write(line + "\n")

    def flush(self) -> None:
        """Bring out what was written. Raises ReaderGone or OutputError `output.unwritable`, as all writing does."""
        self._write("", flush=True)

    def _write(self, text: str, *, flush: bool = False) -> None:
        try:
            self._out.write(text)
            if flush:
                self._out.flush()
        except BrokenPipeError:
            raise ReaderGone from None
        except OSError as error:
            raise OutputError("output.unwritable", reason=error.strerror or str(error)) from error

    def answer(self, body: Mapping[str, object]) -> None:
        """The answer as JSON, UTF-8 unescaped, control characters escaped by JSON itself and bidi ones by us."""
        text = json.dumps({"schema_version": SCHEMA_VERSION, **body}, ensure_ascii=False, default=str)
        self._write("".join(char if _harmless(char) else json.dumps(char)[1:-1] for char in text) + "\n")

    def talk(self, line: str) -> None:
        """Something said beside the answer."""
        if not self.quiet:
            self._mutter(line + "\n")

    def _mutter(self, text: str) -> None:
        with suppress(OSError):  # nobody listens any more, which ends neither a command nor the node
            self._err.write(text)
            self._err.flush()

    def error(self, error: OoderError) -> None:
        """The one way an error is shown."""
        if self.as_json:
            self.answer({"error": error.body(self.language)})
            return
        head = click.style("error", fg="red", bold=True) if self._err.isatty() and self.color else "error"
        step = error.next_step(self.language)
        said = f"{head} {error.code}: {show(error.text(self.language), 2000)}\n"
        self._mutter(said + f"  {show(step, 2000)}\n" if step else said)

    def table(
        self, head: Sequence[str], rows: Iterable[Sequence[str]], styles: Mapping[int, str] | None = None
    ) -> None:
        """Aligned columns; the last one is clipped to the terminal."""
        body = [tuple(row) for row in rows]
        widths = [max(width(row[n]) for row in (tuple(head), *body)) for n in range(len(head))]
        room = self.columns
        for number, row in enumerate((tuple(head), *body)):
            cells, used = [], 0
            for n, cell in enumerate(row):
                if n == len(row) - 1:
                    cells.append(clip(cell, max(8, room - used)))
                else:
                    pad = " " * (widths[n] - width(cell) + 2)
                    used += widths[n] + 2
                    color = COLORS.get(cell) if styles is None else styles.get(n)
                    cells.append((self.style(cell, fg=color) if number and color else cell) + pad)
            line = "".join(cells).rstrip()
            self.data(self.style(line, bold=True) if number == 0 else line)


def show(text: str, limit: int = 200) -> str:
    """Outside text made harmless for a terminal (SECURITY 5.3)."""
    return display(text, limit)


def _harmless(char: str) -> bool:
    return char < "\x7f" or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
