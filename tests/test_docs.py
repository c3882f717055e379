"""What people read is true: pages written from code are fresh, links lead somewhere, the README has a twin, nothing private leaks."""

from __future__ import annotations

import ast
import re
import subprocess
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from bench.__main__ import names
from protocol.messages import MESSAGES
from scripts import reference

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(#+) ", re.MULTILINE)
SKIPPED = ("scenarios/catalogue/", "tests/samples/")  # items for tests and demos speak for themselves
OURS = {"node", "sources", "protocol"}

# Written in pieces so that this file does not find itself.
PRIVATE = re.compile(
    "|".join(
        (
            r"--(extra-)?index-" + r"url",
            r"--trusted-" + r"host",
            r"https?://[^\s\"')]*/" + r"simple(/|\b)",
            r"(artifact" + r"ory|nexus3?)\.[a-z]",
            r"pypi\." + r"org|python" + r"hosted\.org",
        )
    )
)


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def pages() -> list[Path]:
    found = [path for path in tracked() if path.suffix == ".md"]
    return [path for path in found if not path.relative_to(ROOT).as_posix().startswith(SKIPPED)]


@pytest.mark.parametrize("name", sorted(reference.GENERATED))
def test_generated_pages_are_fresh(name: str) -> None:
    now, new = reference.page(name)
    assert now == new, f"docs/reference/{name} is stale; run: python -m scripts.reference"


def test_every_error_code_is_on_its_page() -> None:
    text = (ROOT / "docs/reference/errors.md").read_text("utf-8")
    assert [code for code in MESSAGES if f"| `{code}` |" not in text] == []


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def test_relative_links_lead_somewhere() -> None:
    dead = []
    for page in pages():
        for target in LINK.findall(FENCE.sub("", page.read_text("utf-8"))):
            if "://" in target or target.startswith("mailto:"):
                continue
            path, _, anchor = target.partition("#")
            goal = (page.parent / path).resolve() if path else page
            if not goal.exists() or (anchor and goal.suffix == ".md" and anchor not in anchors(goal)):
                dead.append(f"{page.relative_to(ROOT)}: {target}")
    assert dead == []


def test_the_readme_has_a_true_twin() -> None:
    english, chinese = ((ROOT / name).read_text("utf-8") for name in ("README.md", "README.zh-CN.md"))
    assert HEADING.findall(FENCE.sub("", english)) == HEADING.findall(FENCE.sub("", chinese))

    def commands(text: str) -> list[str]:
        return [block for block in FENCE.findall(text) if block.startswith("```sh")]

    assert commands(english) == commands(chinese)
    assert english.count("\n| ") == chinese.count("\n| ")

    def targets(text: str) -> list[str]:
        return [target for target in LINK.findall(text) if not target.startswith("README")]

    assert targets(english) == targets(chinese)


def test_no_file_names_a_private_place() -> None:
    found = []
    for path in tracked():
        try:
            lines = path.read_text("utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}:{number}" for number, line in enumerate(lines, 1) if PRIVATE.search(line)]
    assert found == []


def pinned(name: str) -> dict[str, str]:
    """Requirement -> its hashes, from a requirements file."""
    text = (ROOT / name).read_text("utf-8").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    return {line.partition(" --hash")[0].strip(): " ".join(re.findall(r"--hash=(\S+)", line)) for line in lines}


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_requirements_are_pinned_by_hash_and_name_no_index(name: str) -> None:
    locked = pinned(name)
    assert locked
    for requirement, hashes in locked.items():
        assert not requirement.startswith("-"), f"{name} carries an option: {requirement}"
        assert "==" in requirement and "@" not in requirement and "://" not in requirement, requirement
        assert re.fullmatch(r"sha256:[0-9a-f]{64}( sha256:[0-9a-f]{64})*", hashes), f"{requirement} has no hash"


def test_no_locked_dependency_owns_one_of_our_packages() -> None:
    for requirement in pinned("requirements-dev.txt"):
        name = Requirement(requirement).name
        try:
            files = metadata.distribution(name).files or []
        except metadata.PackageNotFoundError:
            continue  # only for another platform
        tops = {file.parts[0].removesuffix(".py") for file in files if file.suffix in {".py", ".so"}}
        assert not tops & OURS, f"{name} brings {tops & OURS}"


def fact_keys() -> set[str]:
    """Every key under which a reader of manifests keeps a fact."""
    keys: set[str] = set()
    for path in sorted((ROOT / "protocol" / "manifests").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) in {"_WORDS", "_META_WORDS"}:
                assert node.value is not None
                keys |= set(ast.literal_eval(node.value).values())
            elif (
                isinstance(node, ast.Subscript)
                and ast.unparse(node.value) == "facts"
                and isinstance(node.ctx, ast.Store)
            ):
                keys |= {node.slice.value} if isinstance(node.slice, ast.Constant) else set()
    return keys


def test_every_fact_is_on_the_items_page() -> None:
    text = (ROOT / "docs/reference/items.md").read_text("utf-8")
    known = fact_keys()
    assert len(known) > 50
    assert sorted(key for key in known if f"`{key}`" not in text) == []


def test_every_benchmark_is_named() -> None:
    page = (ROOT / "docs/reference/benchmarks.md").read_text("utf-8")
    assert re.findall(r"^\| `(\w+)` ", page, re.M) == names()
