"""Texts of strangers stay texts, in every field that the page shows, in both languages."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from protocol.items import Channel, Dependency, Evidence, Provided, Sighting
from protocol.refs import Kind
from tests.fakes.claims import saying
from tests.fakes.web_node import WebNode
from tests.node.web.conftest import fill
from tests.node.web.hostile import TEXTS

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.slow


def test_the_corpus_is_large_enough() -> None:
    assert len(set(TEXTS)) >= 60


def said(number: int, text: str, now: float) -> list[Sighting]:
    """A skill, and a rival release of it, with `text` in every field a publisher or a neighbour can fill."""
    wants = () if number else (Dependency(Kind.CAPABILITY, "shared"),)  # the first compares them all
    fields = {
        "id": f"x{number}",
        "version": text,
        "name": text,
        "description": text,
        "category": text,
        "tags": (text, text),
        "author": text,
        "license": text,
        "provides": (Provided("shared", text, text, text),),
        "requires": (Dependency(Kind.SKILL, "nobody", text), *wants),
        "facts": {"run": {"how": text}, "offline": {"enabled": text}, text[:60]: [text, {text[:40]: text}]},
        "dialect": text,
        "repaired": (text,),
        "seen_at": now,
        "size": 10,
        "files": 1,
        "signals": {text[:50]: 4.5, "rating": 4.0},
    }
    first = saying(f"lan:{text}", place=text + str(number), location=text, source="local_fs", **fields)
    rival = saying(
        f"key:{text}",
        place=str(number) + text,
        location=text,
        source="local_fs",
        digest="sha256:" + "f" * 64,
        evidence=Evidence(Channel.HEARSAY, relayed_by=text),
        **fields,
    )
    return [first, rival]


def test_no_text_of_others_ever_runs(page: Page, home: Path) -> None:
    now = time.time()
    fill(home, [one for number, text in enumerate(TEXTS) for one in said(number, text, now)])
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    elsewhere: list[str] = []
    with WebNode(home) as node:
        page.on("request", lambda asked: elsewhere.append(asked.url) if not asked.url.startswith(node.base) else None)
        page.goto(node.link())
        page.locator(".card:not(.ghost)").first.wait_for()
        while (more := page.locator(".more")).count():
            more.first.click()
            page.wait_for_timeout(200)
        assert page.locator(".card:not(.ghost)").count() >= len(TEXTS)  # and what their skills say they provide
        page.locator(".listing summary").first.click()
        for number in range(len(TEXTS)):
            page.evaluate(f"location.hash = '#/skill:x{number}'")
            page.locator(".drawer .ref", has_text=f"skill:x{number}").first.wait_for()
            page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        page.goto(f"{node.base}/?lang=zh-CN#/skill:x0")
        page.locator(".drawer table tbody tr").first.wait_for()
        intruders = page.evaluate(
            "[...document.querySelectorAll('script:not([src]), iframe, object, embed, img, style, base, [onerror], [onload],"
            ' main a:not([href^="#"]), form[action], meta[http-equiv]\')].map(one => one.outerHTML)'
        )
        assert intruders == []
        assert page.evaluate("window.__ran") is None
        assert page.evaluate("document.styleSheets.length") == 2
    assert dialogs == []
    assert elsewhere == []


def test_hostile_searches_and_addresses_are_only_text(page: Page, catalogue: Path, node: WebNode) -> None:
    page.goto(node.link())
    page.locator("#search").wait_for()
    for text in TEXTS[::6]:
        page.locator("#search").fill(text[:200])
        page.locator(".empty, .card").first.wait_for()
        page.evaluate("text => { location.hash = '#/skill:' + encodeURIComponent(text); }", text[:100])
        page.wait_for_timeout(60)
        page.evaluate("location.hash = '#/discover'")
    assert page.evaluate("window.__ran") is None
