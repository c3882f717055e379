"""The contract a call is held to: the capability's own, or what a skill says about its endpoint when there is no definition."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from protocol import limits
from protocol.contract import Contract, check_contract
from protocol.items import Item, Json

_METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})


def contract_of(capability: str, definition: Item | None, skill: Item) -> Contract:
    """The contract; without a definition one that lets every value pass, with the path of the skill's own endpoint
    ("" when it has none). Raises DataError `contract.*` for a definition that cannot be used."""
    if definition is not None:
        contract, faults = check_contract(definition)  # what only matters for registering does not stop a call
        if contract is None:
            raise faults[0].error()
        seconds = min(contract.timeout, int(limits.CALL_LONGEST_SECONDS * 1000))
        return replace(contract, timeout=seconds, method=contract.method if contract.method in _METHODS else "POST")
    path, method = _endpoint(capability, skill)
    return Contract(capability, "", path, method, "http", {}, {})


def is_safe_path(path: str) -> bool:
    """Whether a contract's path stays below the base URL it is put behind."""
    fine = path.startswith("/") and not path.startswith("//") and path.isascii() and path.isprintable()
    return fine and not set(path) & set(" \\#?") and ".." not in path.split("/")


def _endpoint(capability: str, skill: Item) -> tuple[str, str]:
    rows = skill.facts.get("endpoints")
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and row.get("capability") == capability:
            method = str(row.get("method", "POST")).upper()
            return _text(row.get("path")), method if method in _METHODS else "POST"
    return "", "POST"


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""
