"""Pairing and sharing on the page. The other device is made up at the API's border; what is shared is the node's own ledger."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from node.paths import Paths
from node.sharing import read_shares
from tests.fakes.web_node import WebNode
from tests.node.web.conftest import PEER

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

pytestmark = pytest.mark.slow


def test_two_screens_show_six_digits_and_a_person_compares_them(page: Page, node: WebNode) -> None:
    now: dict[str, Any] = {"state": "idle", "code": "", "peer": None, "error": None}
    said: list[Any] = []

    def pairing(route: Route) -> None:
        asked = route.request
        if asked.method == "POST":
            said.append(asked.post_data_json)
            if asked.url.endswith("confirm"):
                now.update(state="paired", code="")
            else:
                now.update(state="compare", code="012345", peer=PEER)
        route.fulfill(json=now)

    page.route("**/api/v1/pairing**", pairing)
    page.route("**/api/v1/pairing/confirm", pairing)
    page.route("**/api/v1/peers", lambda route: route.fulfill(json={"peers": [PEER]}))
    page.goto(node.link())
    page.get_by_role("link", name="Sources").click()
    row = page.locator("oo-pairing li", has_text="kitchen <b>")
    row.get_by_text("datagrams from its address are refused: record.bad_signature; odd<i>").wait_for()
    row.get_by_role("button", name="Pair with kitchen").press("Enter")
    page.locator("oo-pairing output", has_text="012345").wait_for()
    assert page.locator("oo-pairing [role=status]").inner_text().count("192.0.2.7") == 1
    page.get_by_role("button", name="The same", exact=True).press("Enter")
    page.get_by_text("Paired with kitchen <b>").wait_for()
    assert said == [{"name": PEER["key"]}, {"yes": True}]


def test_what_is_shared_is_listed_and_can_be_stopped(page: Page, catalogue: Path, home: Path, node: WebNode) -> None:
    page.goto(node.link())
    page.get_by_role("button", name="Scan", exact=True).first.click()
    page.get_by_text("Scan finished").wait_for()
    page.get_by_role("link", name="Sources").click()
    shares = page.locator("oo-shares")
    shares.get_by_label("Item").fill("skill:nobody")
    shares.get_by_role("button", name="Share", exact=True).click()
    page.locator(".toast.failed", has_text="skill:nobody").wait_for()
    shares.get_by_label("Item").fill("skill:skill-faq")
    shares.locator("select[name=audience]").select_option("a group")
    shares.get_by_label("Name of the group").fill("team")
    shares.locator("select[name=duration]").select_option("12 hours")
    shares.get_by_role("button", name="Share", exact=True).click()
    row = shares.locator("li", has_text="the group team")
    row.get_by_text("in 12 hours").wait_for()
    assert [(str(one.ref), one.audience) for one in read_shares(Paths(home))] == [("skill:skill-faq", "group:team")]
    row.get_by_role("button", name="Stop sharing skill:skill-faq").click()
    shares.get_by_text("Nothing is shared.").wait_for()
    assert read_shares(Paths(home)) == ()
