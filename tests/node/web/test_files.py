"""The page's files: two equal catalogues, no word missing, nothing that a strict CSP would refuse, small enough."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

WEB = Path(__file__).resolve().parents[3] / "node" / "web"
SCRIPTS = sorted((WEB / "js").glob("*.js"))
WORD = re.compile(r'(?<![\w.])(?:t|has|button)\(\s*"([\w.]+)"')
GAP = re.compile(r"\{(\w+)\}")


def catalogue(language: str) -> dict[str, str]:
    found: dict[str, str] = json.loads((WEB / "text" / f"{language}.json").read_text("utf-8"))
    return found


def test_the_catalogues_say_the_same_things() -> None:
    english, chinese = catalogue("en"), catalogue("zh-CN")
    assert list(english) == list(chinese)
    assert [key for key in english if not english[key].strip() or not chinese[key].strip()] == []
    for key in english:
        gaps = set(GAP.findall(english[key])) | {"n", "shown"}
        assert set(GAP.findall(chinese[key])) <= gaps, key
        assert not re.search(r"[\u4e00-\u9fff]", english[key]), key


def test_every_word_that_is_spoken_is_in_the_catalogue() -> None:
    english = catalogue("en")
    missing = set()
    for path in SCRIPTS:
        text = path.read_text("utf-8")
        for key in WORD.findall(text):
            known = any(one in english for one in (key, f"{key}.other", f"act.{key}"))
            prefix = key.endswith(".") and any(one.startswith(key) for one in english)
            if not known and not prefix:
                missing.add(f"{path.name}: {key}")
    assert missing == set()


FORBIDDEN = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|srcdoc|createContextualFragment|\beval\(|new Function|"
    r"setHTML|javascript:|https?://(?!www\.w3\.org)"
)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_insert_text_only_and_load_nothing_from_elsewhere(path: Path) -> None:
    text = path.read_text("utf-8")
    assert FORBIDDEN.findall(text.replace("https://…", "")) == []
    assert text.startswith("//"), "a module says what it is for"
    assert text.count("\n") <= 300
    for target in re.findall(r'from "([^"]+)"|import "([^"]+)"', text):
        name = next(filter(None, target))
        assert name.startswith("./")
        assert (path.parent / name).is_file()


def test_the_page_has_no_inline_script_or_style() -> None:
    page = (WEB / "index.html").read_text("utf-8")
    assert re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page) is None
    assert re.search(r"https?://", page) is None


def test_the_frame_is_painted_before_the_look_of_its_parts_has_come() -> None:
    head, _, body = (WEB / "index.html").read_text("utf-8").partition("<body>")
    assert head.count("stylesheet") == 1
    assert body.index('class="shell"') < body.index("parts.css")


def reachable(*names: str) -> set[str]:
    """Every module that these bring with them."""
    found: set[str] = set()
    left = list(names)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += re.findall(r'(?:from|import) "\./([^"]+)"', (WEB / "js" / name).read_text("utf-8"))
    return found


def test_what_the_first_view_needs_is_fetched_at_once_and_the_rest_later() -> None:
    page = (WEB / "index.html").read_text("utf-8")
    first, early = reachable("early.js", "main.js"), reachable("early.js")
    listed = re.findall(r'modulepreload" href="/web/js/([^"]+)"', page)
    assert sorted(listed) == sorted(first)
    assert set(listed[: len(early)]) == early, "what asks the node comes before what draws"
    assert first | reachable("rooms.js") == {path.name for path in SCRIPTS}


def test_the_whole_page_is_small() -> None:
    loaded = [path for path in WEB.rglob("*") if path.suffix in {".html", ".css", ".js", ".svg"}]
    loaded.append(WEB / "text" / "zh-CN.json")
    packed = sum(len(gzip.compress(path.read_bytes(), 9)) for path in loaded)
    assert packed <= 120_000, packed
