"""The house rules that a machine can check: floors, purity, the trust door, names."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ("protocol", "sources", "node", "scenarios")
IMPURE = {
    "asyncio",
    "socket",
    "time",
    "random",
    "os",
    "pathlib",
    "logging",
    "sqlite3",
    "subprocess",
    "threading",
    "secrets",
}
BAD_NAMES = ("utils", "helpers", "common", "manager", "misc")
MODULE_LINES = 400
FUNCTION_LINES = 60


def modules(floor: str) -> list[Path]:
    return sorted(path for path in (ROOT / floor).rglob("*.py"))


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "absolute imports only"
            yield node.module or ""


@pytest.mark.parametrize("floor", FLOORS)
def test_imports_go_one_way(floor: str) -> None:
    above = (*FLOORS[FLOORS.index(floor) + 1 :], "tests", "bench")
    for path in modules(floor):
        tops = {name.partition(".")[0] for name in imported(ast.parse(path.read_text("utf-8")))}
        assert not tops & set(above), f"{path.relative_to(ROOT)} imports from a floor above: {tops & set(above)}"


def test_protocol_is_pure() -> None:
    for path in modules("protocol"):
        tops = {name.partition(".")[0] for name in imported(ast.parse(path.read_text("utf-8")))}
        assert not tops & IMPURE, f"{path.relative_to(ROOT)} imports {tops & IMPURE}"


def test_only_the_trust_door_makes_verified_claims() -> None:
    for floor in FLOORS:
        for path in modules(floor):
            if path == ROOT / "protocol" / "trust.py":
                continue
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    assert node.func.id != "Verified", f"{path.relative_to(ROOT)}:{node.lineno} skips the trust door"


@pytest.mark.parametrize("floor", FLOORS)
def test_names_and_sizes(floor: str) -> None:
    for path in modules(floor):
        assert path.stem not in BAD_NAMES, path
        text = path.read_text("utf-8")
        assert text.count("\n") <= MODULE_LINES, f"{path.relative_to(ROOT)} has {text.count(chr(10))} lines"
        tree = ast.parse(text)
        assert not text.strip() or ast.get_docstring(tree), f"{path.relative_to(ROOT)} does not say what it is for"
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                assert lines <= FUNCTION_LINES, f"{path.relative_to(ROOT)}:{node.lineno} {node.name} has {lines} lines"


def test_no_bare_tasks_and_no_private_tls_switches() -> None:
    for floor in FLOORS:
        for path in modules(floor):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Attribute) and node.attr in {"create_task", "ensure_future"}:
                    assert _is_group(node.value), f"{path.relative_to(ROOT)}:{node.lineno} starts a task nobody owns"


def _is_group(value: ast.expr) -> bool:
    return isinstance(value, ast.Name | ast.Attribute) and ast.unparse(value).lower().rstrip("_").endswith(
        ("group", "tasks", "tg")
    )
