"""What a person does on the page, in a real browser against a real node."""

from __future__ import annotations

import re
import shutil
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from node.paths import Paths
from tests.fakes.claims import saying
from tests.fakes.web_node import WebNode
from tests.node.web.conftest import fill

if TYPE_CHECKING:
    from playwright.sync_api import Page, Request

pytestmark = pytest.mark.slow


def scanned(page: Page, node: WebNode) -> None:
    """Sign in and let the node look around."""
    page.goto(node.link())
    page.get_by_role("button", name="Scan", exact=True).first.click()
    page.locator(".card h3").first.wait_for()
    page.get_by_text("Scan finished").wait_for()


def add_scene(catalogue: Path) -> None:
    """One more scene on the disk: `scene:offboarding`."""
    shutil.copytree(catalogue / "scenes/onboarding", catalogue / "scenes/second")
    manifest = catalogue / "scenes/second/scene.yaml"
    manifest.write_text(manifest.read_text("utf-8").replace("onboarding", "offboarding"), "utf-8")


def test_an_empty_home_says_what_to_do(page: Page, node: WebNode) -> None:
    page.goto(node.link())
    page.get_by_role("heading", name="Nothing here yet").wait_for()
    assert page.locator(".welcome li").count() == 3
    assert "#t=" not in page.url, "the secret of the link stays in no address bar and no history"


def test_without_a_link_nothing_is_told(page: Page, node: WebNode, catalogue: Path) -> None:
    page.goto(node.base)
    page.get_by_role("heading", name="Open the link of your node").wait_for()
    assert page.locator(".card").count() == 0


def test_adding_a_folder_fills_the_page(page: Page, home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "skills"
    shutil.copytree(Path(__file__).resolve().parents[3] / "scenarios/catalogue/skills/skill-faq", folder / "skill-faq")
    with WebNode(home) as node:
        page.goto(node.link())
        page.locator("#welcome-place").fill(str(folder))
        page.get_by_role("button", name="Add").click()
        page.locator(".card", has_text="skill:skill-faq").wait_for()


def test_a_scan_shows_live_and_every_source_has_its_line(page: Page, catalogue: Path, node: WebNode) -> None:
    scanned(page, node)
    assert page.locator(".card.scene").count() >= 6
    assert "done" in page.locator(".scan li").first.inner_text()
    assert re.search(r"\d+ items", page.locator(".strip").inner_text())
    assert page.locator("oo-radar .dot").count() > 40
    page.locator(".activity li", has_text="found").first.wait_for()


def test_a_change_on_disk_arrives_in_two_tabs_over_one_stream(page: Page, catalogue: Path, node: WebNode) -> None:
    scanned(page, node)
    streams: list[str] = []
    page.context.on("request", lambda request: streams.append(request.url) if "/events" in request.url else None)
    other = page.context.new_page()
    other.goto(node.base)
    other.locator(".card.scene").first.wait_for()
    other.locator(".link.live").wait_for()
    add_scene(catalogue)
    page.get_by_role("button", name="Scan", exact=True).click()
    for tab in (page, other):
        tab.locator(".card", has_text="scene:offboarding").wait_for()
    assert streams == [], "the second tab listens through the first"
    other.close()


def test_searching_in_both_scripts_and_no_request_while_a_word_is_composed(
    page: Page, catalogue: Path, node: WebNode
) -> None:
    scanned(page, node)
    page.locator("body").press("/")
    page.keyboard.type("报告")
    page.locator(".results-head", has_text="result").wait_for()
    page.wait_for_url("**/?q=*")
    page.locator("#search").fill("ｄａｉｌｙ")  # full-width letters, as input methods make them
    page.locator(".card", has_text="scene:daily-report").wait_for()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/items?" in request.url else None)
    box = page.locator("#search")
    box.dispatch_event("compositionstart")
    box.fill("ri")
    page.wait_for_timeout(400)
    assert [url for url in asked if "q=ri" in url] == []
    box.evaluate("box => box.value = '日报'")
    box.dispatch_event("compositionend")
    page.wait_for_url("**/?q=%E6%97%A5%E6%8A%A5*")
    page.locator(".card", has_text="scene:daily-report").wait_for()


def test_searching_while_a_source_still_answers(page: Page, home: Path, tmp_path: Path) -> None:
    """A repository that never answers holds up neither the cards of the disk nor the search in them."""
    catalogue = Path(__file__).resolve().parents[3] / "scenarios/catalogue"
    paths = Paths(home)
    paths.ensure()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"git://127.0.0.1:{silent.getsockname()[1]}/never.git"
        text = f"scope: company\nsources:\n  local_fs:\n    folders: [{catalogue}]\n  git_repository:\n    repositories: [{{url: '{url}'}}]\n    allow: [git]\n"
        paths.config.write_text(text, "utf-8")
        with WebNode(home) as node:
            page.goto(node.link())
            page.get_by_role("button", name="Scan", exact=True).first.click()
            page.locator(".card h3").first.wait_for()
            assert page.get_by_role("button", name="Stop", exact=True).count() == 1, "the scan still runs"
            page.locator("#search").fill("日报")
            page.locator(".card", has_text="scene:daily-report").wait_for()
            page.locator(".card", has_text="scene:onboarding").wait_for(state="detached")
            assert page.get_by_role("button", name="Stop", exact=True).count() == 1
            page.get_by_role("button", name="Stop", exact=True).click()
            page.get_by_text("what was found stays").wait_for()


def test_sorting_and_categories_are_kept_in_the_address(page: Page, home: Path) -> None:
    now = time.time()
    rows = [
        saying(
            "local:0",
            id=f"r{n}",
            place=f"p{n}",
            source="local_fs",
            seen_at=now,
            signals={"stars": float(n)},
            category="office" if n % 2 else "data",
        )
        for n in range(6)
    ]
    fill(home, rows)
    with WebNode(home) as node:
        page.goto(f"{node.link()}")
        page.get_by_label("Sort").select_option("stars")
        page.wait_for_url("**sort=stars**")
        page.locator(".card:first-child", has_text="skill:r5").filter(has_text="Stars 5").wait_for()
        page.get_by_label("Category").select_option("data")
        page.locator(".card", has_text="skill:r5").wait_for(state="detached")
        page.reload()
        page.locator(".card h3", has_text="r4").wait_for()
        assert page.locator(".card h3").count() == 3


def test_kinds_sources_and_scopes_narrow_what_is_shown(page: Page, catalogue: Path, node: WebNode) -> None:
    scanned(page, node)
    page.get_by_role("button", name=re.compile("^Capabilities")).click()
    page.locator(".card.capability").first.wait_for()
    page.locator(".card.scene").first.wait_for(state="detached")
    page.get_by_role("tab", name=re.compile("^Personal")).press("ArrowRight")
    tab = page.get_by_role("tab", name=re.compile("^Department"), selected=True)
    tab.wait_for()
    assert tab.evaluate("tab => tab === document.activeElement")


def test_detail_compares_the_skills_of_each_capability(page: Page, catalogue: Path, node: WebNode) -> None:
    scanned(page, node)
    page.locator(".card", has_text="scene:daily-report").get_by_role("link").click()
    drawer = page.get_by_role("dialog")
    drawer.get_by_role("heading", name="Capabilities and who provides them").wait_for()
    assert drawer.locator("table").count() == 4
    first = drawer.locator("table").first
    assert first.locator("tbody tr").count() == 2
    assert "yes" in first.inner_text()
    drawer.get_by_role("button", name="TASK_COLLECT").click()
    drawer.get_by_role("heading", name="Skills that provide it").wait_for()
    page.keyboard.press("Escape")
    drawer.wait_for(state="hidden")
    assert "#/" not in page.url
    page.go_back()
    drawer.get_by_role("heading", name="Skills that provide it").wait_for()


def test_a_contradiction_is_explained(page: Page, catalogue: Path, node: WebNode) -> None:
    scanned(page, node)
    page.goto(f"{node.base}/#/skill:skill-approval")
    drawer = page.get_by_role("dialog")
    drawer.get_by_role("heading", name="Contradictions").wait_for()
    assert "frozen" in drawer.inner_text()
    assert "departments/hr" in drawer.inner_text()


def test_an_unknown_item_is_an_answer_not_a_blank(page: Page, catalogue: Path, node: WebNode) -> None:
    scanned(page, node)
    page.goto(f"{node.base}/#/skill:nobody-has-this")
    page.get_by_role("dialog").get_by_role("alert").wait_for()
    assert "skill:nobody-has-this" in page.get_by_role("dialog").inner_text()


def test_the_language_changes_everywhere_and_is_remembered(page: Page, catalogue: Path, node: WebNode) -> None:
    scanned(page, node)
    page.get_by_role("button", name="中文").click()
    page.get_by_role("tab", name=re.compile("个人网络")).wait_for()
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    left = page.locator("main").inner_text()
    assert re.search(r"Details|Scan\b|\d results|Radar|Personal|confirmed|This disk", left) is None, (
        "a word stayed English"
    )
    page.reload()
    page.get_by_role("tab", name=re.compile("个人网络")).wait_for()


def test_everything_by_keyboard(page: Page, catalogue: Path, node: WebNode) -> None:
    scanned(page, node)
    page.keyboard.press("/")
    page.keyboard.type("daily report")
    page.wait_for_url("**/?q=daily*")
    page.locator(".card", has_text="scene:onboarding").wait_for(state="detached")
    page.wait_for_timeout(1_600)  # the last look after the scan
    seen = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        name = page.evaluate("document.activeElement.textContent.trim()")
        seen.add(page.evaluate("document.activeElement.tagName"))
        if name == "日报":
            break
    else:
        pytest.fail("the first card cannot be reached by Tab")
    page.keyboard.press("Enter")
    drawer = page.get_by_role("dialog")
    drawer.wait_for()
    assert drawer.evaluate("drawer => drawer.contains(document.activeElement)")
    page.keyboard.press("Escape")
    drawer.wait_for(state="hidden")
    assert page.evaluate("document.activeElement.textContent.trim()") == "日报", "focus returns to where it was"


def test_a_restarted_node_is_found_again_and_nothing_is_missed(page: Page, catalogue: Path, node: WebNode) -> None:
    scanned(page, node)
    node.stop()
    page.locator(".banner.alert").wait_for()
    assert page.locator(".card").count() > 0, "what was known stays"
    add_scene(catalogue)
    node.start()
    page.locator(".link.live").wait_for()
    page.locator(".banner.alert").wait_for(state="detached")
    page.get_by_role("button", name="Scan", exact=True).click()
    page.locator(".card", has_text="scene:offboarding").wait_for()


def test_offline_says_so_and_how_old_the_answers_are(page: Page, catalogue: Path, home: Path, node: WebNode) -> None:
    scanned(page, node)
    node.stop()
    with (home / "config.yaml").open("a", encoding="utf-8") as stream:
        stream.write("offline: true\n")
    node.start()
    page.goto(node.link())
    banner = page.locator(".banner")
    banner.wait_for()
    assert "Last confirmed" in banner.inner_text()
    page.get_by_label("Works offline").check()
    page.locator(".card.scene").first.wait_for()


def test_it_fits_320_pixels(page: Page, catalogue: Path, node: WebNode) -> None:
    scanned(page, node)
    page.set_viewport_size({"width": 320, "height": 640})
    for view in ("#/discover", "#/sources", "#/activity", "#/installed", "#/scene:daily-report"):
        page.goto(f"{node.base}/{view}")
        page.wait_for_timeout(200)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 320, f"{view} is {wide} wide"


def test_what_is_loaded_is_small_and_only_from_here(page: Page, node: WebNode) -> None:
    elsewhere: list[str] = []
    sizes: dict[str, int] = {}

    def note(done: Request) -> None:
        if not done.url.startswith(node.base):
            elsewhere.append(done.url)
        elif "/api/" not in done.url and "openapi" not in done.url:
            sizes[done.url] = done.sizes()["responseBodySize"]

    page.on("requestfinished", note)
    page.goto(node.link())
    page.locator(".welcome").wait_for()
    page.wait_for_timeout(300)
    assert elsewhere == []
    assert len(sizes) > 20
    assert 20_000 < sum(sizes.values()) <= 80_000


def test_a_full_sky_is_grouped_then_painted(page: Page, home: Path) -> None:
    now = time.time()
    fill(home, [saying("local:0", id=f"s{n}", place=f"p{n}", source="local_fs", seen_at=now) for n in range(200)])
    with WebNode(home) as node:
        page.goto(node.link())
        page.locator("oo-radar .lump").first.wait_for()
        assert page.locator("oo-radar .dot").count() == 0
        assert page.locator("oo-radar canvas").count() == 0
        page.locator(".listing summary").click()
        assert "200 items" in page.locator(".listing").inner_text()
        page.locator(".listing button").first.press("Enter")
        page.wait_for_url("**source=local_fs**")
        fill(home, [saying("local:0", id=f"t{n}", place=f"q{n}", source="local_fs", seen_at=now) for n in range(1000)])
        page.locator("oo-radar canvas").wait_for(state="attached")
        assert "1,200" in page.locator(".listing summary").inner_text()
