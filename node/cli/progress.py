"""One line per source while a scan runs (guide 4.3): live on a terminal, one finished line each elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from node.cli.language import Speaker
from node.cli.screen import Screen, show
from node.registry import BADGES
from node.supervisor import GLYPHS, Finished, Heard, Light, SearchEvent
from protocol.items import Progress, Reading


class ScanProgress:
    """Call it with every event; use it as a context manager.

    with ScanProgress(screen, speaker, names) as progress:
        await service.scan(progress)
    """

    def __init__(self, screen: Screen, speaker: Speaker, names: Iterable[str]) -> None:
        self._screen, self._speaker = screen, speaker
        self._lines = {name: f"🔵 {label(name)}: {speaker.say('scan.asking')}" for name in names}
        self._counts = dict.fromkeys(self._lines, 0)
        self._stack = ExitStack()
        self._live: Any = None

    def __enter__(self) -> ScanProgress:
        if self._screen.live and self._lines:
            from rich.console import Console
            from rich.live import Live

            console = Console(stderr=True, no_color=not self._screen.color, highlight=False, markup=False)
            self._live = self._stack.enter_context(Live(console=console, refresh_per_second=10, transient=False))
            self._refresh()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def __call__(self, event: SearchEvent) -> None:
        name = event.source
        if isinstance(event, Finished):
            self._lines[name] = finished_line(event, self._speaker)
            if self._live is None:
                self._screen.talk(self._lines[name])
        elif isinstance(event, Heard):
            if isinstance(event.report, Reading):
                self._counts[name] += 1
                done, total = self._counts[name], 0
            elif isinstance(event.report, Progress):
                done, total = event.report.done, event.report.total
            else:
                return
            if self._live is None:
                return
            self._lines[name] = f"🔵 {label(name)}: " + self._speaker.say(
                "scan.progress", done=done, total=total or "?"
            )
        self._refresh()

    def _refresh(self) -> None:
        if self._live is not None:
            from rich.text import Text

            self._live.update(Text("\n".join(self._lines.values())))


def label(name: str) -> str:
    """Badge and name of a source."""
    return f"{BADGES.get(name, '•')} {name}"


def finished_line(event: Finished, speaker: Speaker) -> str:
    """The line of a source that has no more to say."""
    state = event.state
    glyph = GLYPHS[state.light]
    if state.light is Light.OFFLINE:
        return f"{glyph} {label(state.name)}: " + speaker.say(
            "scan.failed", reason=show(state.said(speaker.language).text, 300)
        )
    done = speaker.say("scan.done", places=state.places, problems=event.problems, seconds=f"{state.seconds:.1f}")
    half = f" · {show(state.said(speaker.language).text, 300)}" if state.code else ""
    return f"{glyph} {label(state.name)}: {done}{half}"
