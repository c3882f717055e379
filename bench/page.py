"""The web page in a real browser: bytes, time to something useful, and a full radar. Without Chromium there are no rows."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import Row
from node import config
from node.events import Change
from node.paths import Paths
from node.service import Service

ITEMS = 1_000
FRAMES = """() => new Promise(done => {
  const began = performance.now(); let frames = 0;
  const step = () => { frames += 1; performance.now() - began > 2000 ? done(frames / 2) : requestAnimationFrame(step); };
  requestAnimationFrame(step);
})"""

CARD = """() => new Promise(done => {
  const look = () => document.querySelector('.card:not(.ghost)') ? done(performance.now()) : requestAnimationFrame(look);
  look();
})"""
EVENTS = 10_000


def run() -> list[Row]:
    """First visit on loopback, and a radar with 1,000 items while its sweep turns."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        return []
    from playwright.sync_api import sync_playwright

    from tests.fakes.claims import saying
    from tests.fakes.web_node import WebNode
    from tests.node.web.conftest import fill

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        home = Path(folder) / "home"
        now = time.time()
        origins = ("local:0", "git:github.com#2/2", "key:UNKNOWN", "lan:192.0.2.7")
        fill(
            home,
            [
                saying(
                    origins[n % 4],
                    id=f"skill-{n}",
                    name=f"Skill {n}",
                    place=f"p{n}",
                    source="local_fs",
                    seen_at=now - n,
                )
                for n in range(ITEMS)
            ],
        )
        chromium = driver.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-background-networking"]
        )
        with WebNode(home) as node:
            rows = _visit(chromium, node.link(), home)
        chromium.close()
    return rows


def _metrics(session: Any) -> dict[str, float]:
    return {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}


def _heap(session: Any) -> float:
    """Bytes that live JavaScript holds."""
    session.send("HeapProfiler.collectGarbage")
    return _metrics(session)["JSHeapUsedSize"]


def _busy(page: Any, session: Any) -> tuple[float, float]:
    """Frames per second, and the part of a core that the page's thread needs, in per cent."""
    before = _metrics(session)
    frames = page.evaluate(FRAMES)
    after = _metrics(session)
    return frames, 100 * (after["TaskDuration"] - before["TaskDuration"]) / (after["Timestamp"] - before["Timestamp"])


def _tell(home: Path, count: int) -> int:
    """Write events into the log of the home; the number of the last."""
    paths = Paths(home)
    service = Service(paths, config.load(paths))
    try:
        for _ in range(0, count, 500):
            changes = [Change("peer.status.changed", f"agent:a{number}") for number in range(500)]
            service.index.apply([], service.rules, service.now(), changes)
            time.sleep(0.1)
        return service.last_event()
    finally:
        service.close()


def _over_events(page: Any, session: Any, home: Path) -> tuple[float, float]:
    """Heap in bytes before and after 10,000 events, the log of the page being full already."""
    seen = "last => new Promise(done => { const look = () => performance.now() && window.__n >= last ? done() : setTimeout(look, 50); look(); })"
    page.evaluate(
        "import(document.querySelector('script[src*=main]').src.replace('main', 'stream')).then(m => m.onEvent(e => { window.__n = e.n; }))"
    )
    page.evaluate(seen, _tell(home, 1_000))
    before = _heap(session)
    page.evaluate(seen, _tell(home, EVENTS))
    page.wait_for_timeout(500)
    return before, _heap(session)


def _visit(chromium: Any, link: str, home: Path) -> list[Row]:
    page = chromium.new_context(locale="en", viewport={"width": 1280, "height": 900}).new_page()
    sizes: list[int] = []
    page.on(
        "requestfinished",
        lambda done: sizes.append(done.sizes()["responseBodySize"]) if "/api/" not in done.url else None,
    )
    page.goto(link)
    first = page.evaluate(CARD)
    page.locator(".lump").first.wait_for()
    painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0")
    page.goto(link.partition("#")[0])
    useful = page.evaluate(CARD)
    page.locator(".lump").first.wait_for()
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    page.wait_for_timeout(1_000)
    idle, _ = _busy(page, session)
    page.evaluate("document.querySelector('.sweep').setAttribute('class', 'sweep on')")
    turning, busy = _busy(page, session)
    before, after = _over_events(page, session, home)
    return [
        Row("page: bytes of a first visit", sum(sizes), "B", "<= 120,000"),
        Row("page: first paint, first visit", painted, "ms", "<= 300"),
        Row("page: first card, first visit, 1,000 items", first, "ms"),
        Row("page: first card, later visit, 1,000 items", useful, "ms", "<= 300"),
        Row("page: frames with 1,000 items, sweep turning", turning, "1/s", ">= 50", idle, "the same page at rest"),
        Row("page: its thread meanwhile", busy, "% of a core", "<= 50"),
        Row("page: heap after 10,000 events", after, "B", "flat", before, "before them"),
    ]


if __name__ == "__main__":
    print(*run(), sep="\n")
