"""Makes docs/pictures/*.png: the page with the demo catalogue, in a real browser. Needs Chromium (scripts/setup-browser.sh).

python -m scripts.pictures [FOLDER]
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PLACES = ROOT / "docs" / "pictures"


def _nothing(page: Any) -> None:
    """The page as it opens."""


def _detail(page: Any) -> None:
    page.evaluate("location.hash = '#/scene:daily-report'")
    page.locator(".drawer table").first.wait_for()


def _plan(page: Any) -> None:
    _detail(page)
    page.locator(".drawer").get_by_role("button", name="Install", exact=True).first.click()
    page.get_by_role("button", name="Install this").wait_for()
    page.get_by_role("button", name="Install this").evaluate("button => button.scrollIntoView({block: 'end'})")


def _installed(page: Any) -> None:
    """Install a scene, then show what is installed with a capability called."""
    page.evaluate("location.hash = '#/scene:text-desk'")
    drawer = page.locator(".drawer")
    drawer.get_by_role("button", name="Install", exact=True).first.click()
    drawer.get_by_role("button", name="Install this").wait_for()
    for box in drawer.get_by_role("checkbox").all():
        box.check()
    drawer.get_by_role("button", name="Install this").click()
    drawer.get_by_text("Installed.", exact=True).wait_for()
    page.keyboard.press("Escape")
    page.evaluate("location.hash = '#/installed'")
    page.locator(".badge.agent.active").wait_for()
    route = page.locator(".routes li", has_text="cap:text-summarize").first
    route.get_by_role("button", name="Call", exact=True).click()
    route.locator("textarea").fill(
        '{"text": "Ooder finds skills. It compares them. It installs what was checked.", "sentences": 1}'
    )
    route.locator("form button").click()
    route.locator("pre").wait_for()
    page.locator(".toast").first.wait_for(state="detached")


def _sources(page: Any) -> None:
    page.evaluate("location.hash = '#/sources'")
    page.locator(".panels .panel").first.wait_for()


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture: its file name, the browser's settings, what is done before it is taken."""

    name: str
    language: str
    colors: str
    width: int
    height: int
    prepare: Callable[[Any], None] = _nothing


PICTURES = (
    Picture("discover-light-zh", "zh-CN", "light", 1280, 860),
    Picture("discover-dark-en", "en-GB", "dark", 1280, 860),
    Picture("detail-light-en", "en-GB", "light", 1280, 860, _detail),
    Picture("sources-dark-zh", "zh-CN", "dark", 1280, 700, _sources),
    Picture("plan-light-en", "en-GB", "light", 1280, 860, _plan),
    Picture("installed-light-en", "en-GB", "light", 1280, 860, _installed),
    Picture("narrow-light-zh", "zh-CN", "light", 360, 760),
    Picture("narrow-dark-en", "en-GB", "dark", 320, 700, _detail),
)


def main(folder: Path = PLACES) -> None:
    """Take all pictures."""
    from playwright.sync_api import sync_playwright

    from tests.fakes.web_node import WebNode

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, sync_playwright() as driver:
        home = Path(place) / "home"
        catalogue = Path(place) / "qinghe-catalogue"
        shutil.copytree(ROOT / "scenarios" / "catalogue", catalogue)
        home.mkdir(mode=0o700)
        silent = "  udp_broadcast: {enabled: false}\n  mdns_dns_sd: {enabled: false}\n"
        (home / "config.yaml").write_text(f"sources:\n  local_fs:\n    folders: [{catalogue}]\n{silent}", "utf-8")
        found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        chromium = driver.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-background-networking"]
        )
        with WebNode(home) as node:
            for picture in PICTURES:
                _take(chromium, node.link(), picture, folder, place)
        chromium.close()


def _take(chromium: Any, link: str, picture: Picture, folder: Path, place: str) -> None:
    context = chromium.new_context(
        locale=picture.language,
        color_scheme=picture.colors,
        viewport={"width": picture.width, "height": picture.height},
        reduced_motion="reduce",
    )
    page = context.new_page()

    def at_home(route: Any) -> None:
        """Paths as they would be at home, not in a folder that is gone a moment later."""
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace(place, "/home/lin"))

    page.route(re.compile(r"/api/v1/(sources|status)\b"), at_home)
    page.goto(link)
    page.locator(".link.live").wait_for()
    if page.locator(".welcome").count():
        page.locator(".seek .primary").click()
        page.locator(".card:not(.ghost)").first.wait_for()
        page.wait_for_timeout(5_000)  # newcomers are marked for four seconds
        page.reload()
    page.locator(".card:not(.ghost)").first.wait_for()
    page.locator(".link.live").wait_for()
    picture.prepare(page)
    page.wait_for_timeout(400)
    page.screenshot(path=folder / f"{picture.name}.png")
    context.close()
    print(f"{picture.name}.png")


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:2]))
