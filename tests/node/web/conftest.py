"""A real browser for the page: Debian's Chromium, driven by Playwright, seeing only this machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from node import config
from node.paths import Paths
from node.service import Service
from protocol.items import Reading, Sighting
from tests.fakes.web_node import WebNode

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CATALOGUE = Path(__file__).resolve().parents[3] / "scenarios" / "catalogue"
QUIET = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--no-first-run"]

PEER: dict[str, Any] = {
    "agent_id": "node-kitchen",
    "name": "kitchen <b>",
    "key": "K" * 52,
    "light": "online",
    "state": "fresh",
    "paired": False,
    "port": 0,  # opens when somebody there pairs
    "addresses": ["192.0.2.7"],
    "seen_at": 1.0,
    "why": ["refused:record.bad_signature", "odd<i>"],
}
"""A made-up device as the API describes it, for whoever stands between page and node."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    pytest.importorskip("node.api.server", reason="the API is not part of this build")
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium here; Debian: sh scripts/setup-browser.sh")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=found, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home without a network, and a HOME without anybody's agent folders."""
    monkeypatch.setenv("HOME", str(tmp_path / "person"))
    for name in ("UDP_BROADCAST", "MDNS_DNS_SD"):  # nothing goes out to the network of this machine
        monkeypatch.setenv(f"OODER_SOURCES__{name}__ENABLED", "false")
    (tmp_path / "person").mkdir()
    return tmp_path / "home"


@pytest.fixture
def catalogue(home: Path, tmp_path: Path) -> Path:
    """The demo catalogue, as a place of the home."""
    folder = tmp_path / "catalogue"
    shutil.copytree(CATALOGUE, folder)
    paths = Paths(home)
    paths.ensure()
    paths.config.write_text(f"sources:\n  local_fs:\n    folders: [{folder}]\n", "utf-8")
    return folder


@pytest.fixture
def node(home: Path) -> Iterator[WebNode]:
    with WebNode(home) as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh browser profile in English; the test fails when the page's scripts do."""
    context = browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(10_000)
    page = context.new_page()
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.on("console", lambda said: failures.append(said.text) if "Content Security Policy" in said.text else None)
    yield page
    context.close()
    assert failures == []


def fill(home: Path, sightings: list[Sighting], origin: str = "test") -> None:
    """Put claims into the index of a home, each at a place of its own, as a source would report them."""
    paths = Paths(home)
    service = Service(paths, config.load(paths))
    try:
        now = service.now()
        readings = [Reading(one.source, origin, one.place, now, (one,)) for one in sightings]
        service.index.apply(readings, service.rules, now)
    finally:
        service.close()
