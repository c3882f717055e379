"""Accessibility as axe-core judges it: no violation in any view, light and dark.

axe-core is somebody else's work and no part of this project: it is fetched by npm into a temporary folder, or the test is skipped.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from node.paths import Paths
from node.sharing import Share, add_share
from protocol.refs import parse_ref
from tests.fakes.web_node import WebNode
from tests.node.web.conftest import PEER

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow

VIEWS = (
    "discover",
    "installed",
    "sources",
    "activity",
    "scene:daily-report",
    "skill:skill-approval",
    "cap:text-summarize",
)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not here to fetch axe-core")
    folder = tmp_path_factory.mktemp("axe")
    command = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts", "axe-core@4"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip("npm did not bring axe-core within a minute")
    script = folder / "node_modules" / "axe-core" / "axe.min.js"
    if done.returncode or not script.is_file():
        pytest.skip(f"npm could not bring axe-core: {done.stderr[-200:]}")
    return script.read_text("utf-8")


@pytest.fixture(params=["light", "dark"])
def open_page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """As `page`, without the policy that would refuse the foreign script."""
    context = browser.new_context(
        locale="en-GB",
        color_scheme=request.param,
        bypass_csp=True,
        viewport={"width": 1280, "height": 900},
        reduced_motion="reduce",
    )
    yield context.new_page()
    context.close()


def violations(page: Page, axe: str) -> list[str]:
    page.evaluate(axe)
    found = page.evaluate("rules => axe.run(document, { runOnly: { type: 'tag', values: rules } })", RULES)
    return [
        f"{one['id']}: {one['help']}: {node['target']} {' '.join(node['failureSummary'].split())[:300]}"
        for one in found["violations"]
        for node in one["nodes"][:4]
    ]


def plan(page: Page) -> None:
    """Show the plan of a scene."""
    page.evaluate("location.hash = '#/scene:text-desk'")
    page.locator(".drawer .ref", has_text="scene:text-desk").first.wait_for()
    page.locator(".drawer").get_by_role("button", name="Install", exact=True).click()
    page.get_by_role("button", name="Install this").wait_for()


def install(page: Page) -> None:
    """Agree, install, leave the drawer."""
    for box in page.locator(".drawer").get_by_role("checkbox").all():
        box.check()
    page.get_by_role("button", name="Install this").click()
    page.get_by_text("Installed.", exact=True).wait_for()
    page.keyboard.press("Escape")
    page.locator(".drawer").wait_for(state="hidden")


def test_no_view_has_a_violation(open_page: Page, axe: str, catalogue: Path, node: WebNode) -> None:
    page = open_page
    pairing = {"state": "compare", "code": "012345", "peer": PEER, "error": None}
    page.route(
        "**/api/v1/peers", lambda route: route.fulfill(json={"peers": [PEER, {**PEER, "key": "M", "paired": True}]})
    )
    page.route("**/api/v1/pairing", lambda route: route.fulfill(json=pairing))
    add_share(Paths(node.home), Share(parse_ref("skill:skill-faq")), 0.0)
    page.goto(node.link())
    page.get_by_role("heading", name="Nothing here yet").wait_for()
    found = {"welcome": violations(page, axe)}
    page.get_by_role("button", name="Scan", exact=True).first.click()
    page.get_by_text("Scan finished").wait_for()
    page.locator(".listing summary").click()
    for view in VIEWS:
        page.evaluate("view => { location.hash = '#/' + view; }", view)
        page.locator(".drawer .ref" if ":" in view else "main").first.wait_for()
        page.wait_for_timeout(150)
        found[view] = violations(page, axe)
    plan(page)
    found["install plan"] = violations(page, axe)
    install(page)
    page.evaluate("location.hash = '#/installed'")
    route = page.locator(".routes > li").first
    route.get_by_role("button", name="Call", exact=True).click()
    page.locator(".routes > li").nth(1).get_by_role("button", name="Replace", exact=True).click()
    page.locator(".others table").wait_for()
    found["installed scene"] = violations(page, axe)
    told = [f"{view}: {one}" for view, bad in found.items() for one in bad]
    assert not told, "\n".join(told)
