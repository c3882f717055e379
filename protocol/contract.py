"""The CAP contract: what a capability promises, whether the promise is well formed, and whether a call keeps it (FLOWS 4.3).

What it guarantees: a `Contract` has an interface path and two valid Draft 2020-12 schemas that refer to nothing outside
themselves; checking a value against one takes bounded time and memory. What it leaves to others: comparing two contracts
(`protocol.contract_change`), reaching the skill (the scene agent).

Example: `capabilities/text-summarize/cap.yaml` of the catalogue asks for `text` and promises `summary`; a request without
`text` is `contract.bad_request` at place `/`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from protocol import limits
from protocol.errors import DataError
from protocol.items import Item, Json
from protocol.refs import Kind
from protocol.typed_schema import Schema, typed_schema

STRATEGIES: Final = frozenset({"queue", "cache", "reject", "custom"})


@dataclass(frozen=True, slots=True)
class Contract:
    """What a capability promises. `timeout` is in milliseconds, 0 = not said; `errors` are code -> message; `offline` is
    the strategy, "" = none; `fallback` the method that answers then. `permissions` None means that none were declared."""

    capability: str
    version: str
    path: str
    method: str
    protocol: str
    request: Schema
    response: Schema
    timeout: int = 0
    errors: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    offline_required: bool = False
    offline: str = ""
    fallback: str = ""
    permissions: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a contract: `code` is `contract.*`, `params` fill its text."""

    code: str
    params: Mapping[str, str]

    def error(self) -> DataError:
        return DataError(self.code, **self.params)


def read_contract(item: Item) -> Contract:
    """The contract of a capability. Raises DataError `contract.*` for the first thing that is wrong with it."""
    contract, faults = check_contract(item)
    if faults or contract is None:
        raise faults[0].error()
    return contract


def check_contract(item: Item) -> tuple[Contract | None, tuple[Fault, ...]]:
    """Everything a registration checks: path, schemas, fallback, permissions. The contract is None when it cannot be used."""
    if item.kind is not Kind.CAPABILITY:
        return None, (Fault("contract.not_capability", {"ref": str(item.ref)}),)
    ref = str(item.ref)
    interface = _row(item.facts.get("contract"))
    spec = _spec(item)
    offline = _row(spec.get("offline")) or _row(item.facts.get("offline"))
    faults: list[Fault] = []
    path = _text(interface.get("path"))
    if not path.startswith("/") or ".." in path.split("/") or any(char.isspace() for char in path):
        faults.append(Fault("contract.no_path", {"ref": ref, "path": path[:80]}))
    schemas: dict[str, Schema] = {}
    for word, other in (("request", "inputSchema"), ("response", "outputSchema")):
        try:
            schemas[word] = _schema(interface, word, other, ref)
        except DataError as error:
            faults.append(Fault(error.code, {"ref": ref, **{name: str(text) for name, text in error.params.items()}}))
    required = _text(offline.get("required")).lower() == "true" or offline.get("required") is True
    fallback = _text(_row(offline.get("fallback")).get("method"))
    strategy = _text(offline.get("strategy"))
    if required and not fallback:
        faults.append(Fault("contract.no_fallback", {"ref": ref}))
    if strategy and strategy not in STRATEGIES:
        faults.append(Fault("contract.bad_strategy", {"ref": ref, "strategy": strategy[:80]}))
    permissions = _permissions(spec, item)
    if permissions is None:
        faults.append(Fault("contract.no_permissions", {"ref": ref}))
    if len(schemas) < 2 or not path:
        return None, tuple(faults)
    method, protocol = _text(interface.get("method")).upper() or "POST", _text(interface.get("protocol")) or "http"
    contract = Contract(
        item.id,
        item.version,
        path,
        method,
        protocol,
        schemas["request"],
        schemas["response"],
        _whole(interface.get("timeout")),
        MappingProxyType(_errors(interface.get("errors"))),
        required,
        strategy,
        fallback,
        permissions,
    )
    return contract, tuple(faults)


def implemented_by(skill: Item, claimed: Contract) -> Contract:
    """The contract a skill itself describes for the capability; what it does not say is as claimed. Raises DataError
    `contract.bad_schema` or `contract.remote_ref` for a description that cannot be used."""
    said = _row(_row(skill.facts.get("contracts")).get(claimed.capability))
    interface = {**said, **_row(said.get("interface"))}
    schemas: dict[str, Schema] = {"request": claimed.request, "response": claimed.response}
    for word, others in (("request", ("inputSchema", "input")), ("response", ("outputSchema", "output"))):
        found = next((interface[key] for key in (word, *others) if interface.get(key)), None)
        if isinstance(found, Mapping):
            inner = found.get("schema", found)
            schemas[word] = typed_schema(inner, word) if inner else schemas[word]
    errors = _errors(interface.get("errors"))
    return replace(
        claimed,
        version=skill.version,
        path=_text(interface.get("path")) or claimed.path,
        method=_text(interface.get("method")).upper() or claimed.method,
        request=schemas["request"],
        response=schemas["response"],
        errors=MappingProxyType(errors) if errors else claimed.errors,
    )


def validate_request(contract: Contract, value: Any) -> None:
    """Raise DataError `contract.bad_request` (capability, place, reason) unless `value` is what the contract asks for."""
    _validate(contract, contract.request, value, "contract.bad_request")


def validate_response(contract: Contract, value: Any) -> None:
    """Raise DataError `contract.bad_response` (capability, place, reason) unless `value` is what the contract promises."""
    _validate(contract, contract.response, value, "contract.bad_response")


def check_bounds(value: Any) -> str:
    """Why a JSON value is too much to look at, or "". Iterative, so depth costs nothing."""
    waiting: list[tuple[Any, int]] = [(value, 1)]
    count = size = 0
    while waiting:
        at, depth = waiting.pop()
        count += 1
        if depth > limits.CONTRACT_DEPTH:
            return f"more than {limits.CONTRACT_DEPTH} deep"
        if isinstance(at, str):
            size += len(at)
        elif isinstance(at, Mapping):
            size += sum(len(name) if isinstance(name, str) else 1 for name in at)
            waiting.extend((one, depth + 1) for one in at.values())
        elif isinstance(at, list | tuple):
            waiting.extend((one, depth + 1) for one in at)
        elif isinstance(at, int) and not isinstance(at, bool) and at.bit_length() > 1_024:
            return "a number with more than 1,024 bits"
        elif not (at is None or isinstance(at, bool | int | float)):
            return f"{type(at).__name__} is no JSON"
        if count + len(waiting) > limits.CONTRACT_VALUES:
            return f"more than {limits.CONTRACT_VALUES} values"
        if size > limits.CONTRACT_BYTES:
            return f"more than {limits.CONTRACT_BYTES} characters"
    return ""


def _validate(contract: Contract, schema: Schema, value: Any, code: str) -> None:
    reason, place = check_bounds(value), "/"
    if not reason:
        from protocol.schema_check import first_fault  # jsonschema takes long to load, and most runs check no value

        reason, place = first_fault(schema, value)
        if not reason:
            return
    raise DataError(code, capability=contract.capability, place=place, reason=reason)


def _schema(interface: Mapping[str, Json], word: str, other: str, ref: str) -> Schema:
    said = interface.get(word)
    if isinstance(said, Mapping) and "schema" in said:
        said = said["schema"]
    if said is None:
        said = interface.get(other)
    if said is None or said == "":
        raise DataError("contract.no_schema", ref=ref, place=word)
    schema = typed_schema(said, word)
    if isinstance(schema, dict) and not schema:
        raise DataError("contract.no_schema", ref=ref, place=word)
    return schema


def _permissions(spec: Mapping[str, Json], item: Item) -> tuple[str, ...] | None:
    """Empty lists do not reach the facts, so the document itself says whether permissions were declared."""
    said = spec.get("permissions", item.facts.get("permissions"))
    if isinstance(said, str) or not isinstance(said, Sequence | Mapping):
        return None
    rows = said if not isinstance(said, Mapping) else list(said)
    names = (_text(row.get("id") or row.get("name")) if isinstance(row, Mapping) else _text(row) for row in rows)
    return tuple(name for name in names if name)


def _spec(item: Item) -> Mapping[str, Json]:
    """Where the document keeps what it says; flat documents keep it at the top."""
    for inner in (
        item.raw,
        _row(item.raw.get("cap")),
        _row(item.raw.get("capability")),
        _row(item.raw.get("metadata")),
    ):
        if spec := _row(inner.get("spec")):
            return spec
    return _row(item.raw.get("cap")) or _row(item.raw.get("capability")) or item.raw


def _errors(value: Json) -> dict[str, str]:
    rows = value if isinstance(value, Sequence) and not isinstance(value, str) else ()
    return {_text(row.get("code")): _text(row.get("message")) for row in rows if isinstance(row, Mapping)}


def _whole(value: Json) -> int:
    text = _text(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _row(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Json) -> str:
    return value.strip() if isinstance(value, str) else ""
