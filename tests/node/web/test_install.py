"""From wanting a scene to having it run here, on the page: plan, consent, six steps, call, replace, stop, uninstall, back."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fakes.web_node import WebNode
from tests.node.web.test_page import scanned

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.slow


def install(page: Page, node: WebNode, scene: str) -> None:
    """Through the card's button: agree to everything, watch it to the end, close."""
    card = page.locator(".card", has_text=f"scene:{scene}")
    card.get_by_role("button", name=re.compile("^Install")).click()
    drawer = page.get_by_role("dialog")
    drawer.get_by_role("heading", name="Install plan").wait_for()
    go = drawer.get_by_role("button", name="Install this")
    go.wait_for()
    assert go.is_disabled(), "nothing is agreed to yet"
    for box in drawer.get_by_role("checkbox").all():
        box.check()
    go.click()
    drawer.get_by_text("Installed.", exact=True).wait_for()
    assert drawer.locator(".steps li.completed").count() == 6
    page.keyboard.press("Escape")


def installed_card(page: Page, node: WebNode, scene: str) -> Locator:
    page.goto(f"{node.base}/#/installed")
    card = page.locator(".card.scene", has_text=f"scene:{scene}")
    card.wait_for()
    return card


def test_a_scene_is_installed_with_consent_called_and_stopped(page: Page, catalogue: Path, node: WebNode) -> None:
    scanned(page, node)
    install(page, node, "text-desk")
    card = installed_card(page, node, "text-desk")
    card.locator(".badge.agent.active").wait_for()
    route = card.locator(".routes li", has_text="cap:text-summarize").first
    route.get_by_role("button", name="Call", exact=True).click()
    route.locator("textarea").fill("not json")
    route.locator("form button").click()
    page.get_by_text("Not JSON").wait_for()
    route.locator("textarea").fill('{"text": "One. Two. Three.", "sentences": 1}')
    route.locator("form button").click()
    route.locator("pre").wait_for()
    assert "text-summarize" in route.locator("pre").inner_text()
    card.get_by_role("button", name="Stop", exact=True).click()
    card.locator(".badge.agent.stopped").wait_for()
    card.get_by_role("button", name="Start", exact=True).click()
    card.locator(".badge.agent.active").wait_for()
    page.get_by_role("button", name="Verify", exact=True).click()
    page.get_by_text("as their digests say").wait_for()


def test_another_skill_takes_the_place_and_everything_can_be_taken_back(
    page: Page, catalogue: Path, node: WebNode
) -> None:
    scanned(page, node)
    install(page, node, "text-desk")
    card = installed_card(page, node, "text-desk")
    route = card.locator(".routes > li", has_text="cap:text-summarize").first
    before = re.search(r"skill:[\w-]+", route.inner_text())
    assert before is not None
    route.get_by_role("button", name="Replace", exact=True).click()
    route.locator("table").wait_for()
    route.locator("textarea").fill('{"text": "One. Two. Three.", "sentences": 1}')
    other = route.locator("tbody tr", has_not_text=before[0].removeprefix("skill:")).first
    name = other.locator("th small").inner_text()
    other.get_by_role("button", name="Choose").click()
    plan = route.locator("oo-install")
    plan.get_by_role("heading", name="Install plan").wait_for()
    plan.get_by_role("button", name="Install this").wait_for()
    for box in plan.get_by_role("checkbox").all():
        box.check()
    plan.get_by_role("button", name="Install this").click()
    plan.get_by_text("Installed.", exact=True).wait_for()
    plan.get_by_role("button", name="Close").click()
    card.locator(".routes > li", has_text=re.compile(rf"cap:text-summarize\s*→ skill:{name}@")).wait_for()
    card.get_by_role("button", name="Uninstall", exact=True).click()
    card.get_by_role("button", name="Uninstall", exact=True).click()
    card.wait_for(state="detached")
    history = page.locator(".panel", has=page.get_by_role("heading", name="History"))
    history.locator("li", has_text="Generation 1").get_by_role("button", name="Back to this").click()
    card.locator(".routes > li", has_text=re.compile(rf"cap:text-summarize\s*→ {before[0]}@")).wait_for()


def test_what_nobody_has_waits_for_a_source(page: Page, catalogue: Path, node: WebNode) -> None:
    """A scene whose only place went away between scan and install."""
    import shutil

    scanned(page, node)
    shutil.rmtree(catalogue / "skills" / "welcome-letter")
    page.goto(f"{node.base}/#/skill:welcome-letter")
    drawer = page.get_by_role("dialog")
    drawer.get_by_role("button", name="Install", exact=True).click()
    drawer.get_by_role("button", name="Install this").wait_for()
    for box in drawer.get_by_role("checkbox").all():
        box.check()
    drawer.get_by_role("button", name="Install this").click()
    drawer.locator("oo-install .warning").wait_for()
    wait = drawer.get_by_role("button", name="Install when it can be had")
    wait.click()
    drawer.get_by_text("Queued").wait_for()
    page.keyboard.press("Escape")
    page.goto(f"{node.base}/#/installed")
    row = page.locator(".panel", has=page.get_by_role("heading", name="Waiting for a source")).locator("li")
    assert "skill:welcome-letter" in row.inner_text()
    row.get_by_role("button", name="Give up").click()
    row.wait_for(state="detached")


def test_settings_go_in_and_do_not_come_out(page: Page, catalogue: Path, node: WebNode) -> None:
    scanned(page, node)
    page.goto(f"{node.base}/#/skill:skill-msg-mail")
    drawer = page.get_by_role("dialog")
    drawer.get_by_role("button", name="Install", exact=True).click()
    drawer.get_by_role("button", name="Install this").wait_for()
    for box in drawer.get_by_role("checkbox").all():
        box.check()
    drawer.get_by_role("button", name="Install this").click()
    drawer.get_by_text("Installed.", exact=True).wait_for()
    page.keyboard.press("Escape")
    page.goto(f"{node.base}/#/installed")
    page.get_by_role("button", name="Settings of skill-msg-mail").click()
    field = page.locator("form.settings input").first
    field.fill("hush-hush")
    page.locator("form.settings button").click()
    page.locator("form.settings label").first.get_by_text("given").wait_for()
    page.reload()
    page.get_by_role("button", name="Settings of skill-msg-mail").click()
    field.wait_for()
    assert field.input_value() == "" and "hush-hush" not in page.content()
