"""The web page in a real browser: bytes, time to something useful, and a full radar. Without Chromium there are no rows."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import Row

ITEMS = 1_000
FRAMES = """() => new Promise(done => {
  const began = performance.now(); let frames = 0;
  const step = () => { frames += 1; performance.now() - began > 2000 ? done(frames / 2) : requestAnimationFrame(step); };
  requestAnimationFrame(step);
})"""


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
            rows = _visit(chromium, node.link())
        chromium.close()
    return rows


def _visit(chromium: Any, link: str) -> list[Row]:
    page = chromium.new_context(locale="en", viewport={"width": 1280, "height": 900}).new_page()
    sizes: list[int] = []
    page.on(
        "requestfinished",
        lambda done: sizes.append(done.sizes()["responseBodySize"]) if "/api/" not in done.url else None,
    )
    page.goto(link)
    page.locator(".card:not(.ghost)").first.wait_for()
    page.locator(".lump").first.wait_for()
    painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0")
    page.goto(link.partition("#")[0])
    useful = page.evaluate(
        "() => new Promise(done => { const look = () => document.querySelector('.card:not(.ghost)') ? done(performance.now())"
        " : requestAnimationFrame(look); look(); })"
    )
    page.locator(".lump").first.wait_for()
    idle = page.evaluate(FRAMES)
    page.evaluate("document.querySelector('.sweep').setAttribute('class', 'sweep on')")
    turning = page.evaluate(FRAMES)
    return [
        Row("page: bytes of a first visit", sum(sizes), "B", "<= 120,000"),
        Row("page: first paint, first visit", painted, "ms", "<= 300"),
        Row("page: first card, later visit, 1,000 items", useful, "ms", "<= 300"),
        Row("page: frames with 1,000 items, sweep turning", turning, "1/s", ">= 50", idle, "the same page at rest"),
    ]


if __name__ == "__main__":
    print(*run(), sep="\n")
