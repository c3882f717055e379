"""The CAP contract: the catalogue's are read with true types, bad ones are refused, changes mean what they should."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from protocol.contract import (
    Contract,
    check_bounds,
    check_contract,
    implemented_by,
    read_contract,
    validate_request,
    validate_response,
)
from protocol.contract_change import compare_contracts, compare_schemas, version_is_enough, version_needed
from protocol.errors import DataError
from protocol.items import Item
from protocol.manifests import read_manifest
from protocol.refs import Kind
from protocol.safe_pattern import check_pattern
from protocol.typed_schema import typed_schema

CATALOGUE = Path(__file__).resolve().parents[2] / "scenarios" / "catalogue"
CAPS = sorted((CATALOGUE / "capabilities").glob("*/cap.yaml"))

OBJECT: dict[str, Any] = {
    "type": "object",
    "required": ["text"],
    "properties": {"text": {"type": "string", "minLength": 1}, "tone": {"type": "string", "enum": ["a", "b"]}},
}


def read(name: str) -> Contract:
    path = CATALOGUE / "capabilities" / name / "cap.yaml"
    return read_contract(read_manifest(path.as_posix(), path.read_bytes()).items[0])


def plain(**changes: Any) -> Contract:
    return replace(Contract("x", "1.2.0", "/x", "POST", "http", OBJECT, OBJECT, permissions=()), **changes)


def cap(text: str) -> Item:
    head = "apiVersion: ooder.io/v1\nkind: CapabilityDefinition\nmetadata: {capId: x, version: '1.0.0'}\n"
    return read_manifest("x/cap.yaml", (head + text).encode()).items[0]


GOOD = """spec:
  interface: {path: /x, request: {schema: {type: object}}, response: {schema: {type: object}}}
  permissions: []
"""


@pytest.mark.parametrize("path", CAPS, ids=lambda path: path.parent.name)
def test_every_contract_of_the_catalogue_passes(path: Path) -> None:
    contract, faults = check_contract(read_manifest(path.as_posix(), path.read_bytes()).items[0])
    assert contract is not None and faults == ()
    assert "'1'" not in repr(contract.request) and contract.permissions is not None


def test_a_request_is_checked_with_true_types() -> None:
    contract = read("text-summarize")
    assert isinstance(contract.request, dict)
    assert contract.request["properties"]["sentences"] == {
        "type": "integer",
        "description": "how many sentences to keep / 保留句数",
        "minimum": 1,
        "maximum": 20,
        "default": 3,
    }
    assert contract.permissions == () and contract.fallback == "firstSentences" and contract.timeout == 5000
    validate_request(contract, {"text": "one. two.", "sentences": 1})
    validate_response(contract, {"summary": "one.", "sentences": ["one."]})


@pytest.mark.parametrize(
    ("value", "place", "word"),
    [
        ({}, "/", "required"),
        ({"text": ""}, "/text", "empty"),
        ({"text": "x", "sentences": 21}, "/sentences", "maximum"),
        ({"text": "x", "sentences": "3"}, "/sentences", "integer"),
        (["text"], "/", "object"),
        (None, "/", "object"),
    ],
)
def test_a_bad_request_is_told_where_and_why(value: Any, place: str, word: str) -> None:
    with pytest.raises(DataError) as caught:
        validate_request(read("text-summarize"), value)
    assert (caught.value.code, caught.value.params["place"]) == ("contract.bad_request", place)
    assert word in str(caught.value)


def test_a_bad_response_is_the_skills_fault() -> None:
    with pytest.raises(DataError) as caught:
        validate_response(read("text-summarize"), {"summary": 1, "sentences": []})
    assert caught.value.code == "contract.bad_response"


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [nested(5_000), [0] * 200_000, {"text": "x" * 9_000_000}, {"text": {1, 2}}, {"text": 1 << 5_000}],
    ids=["deep", "many", "long", "no json", "huge number"],
)
def test_values_that_are_too_much_are_refused_quickly(value: Any) -> None:
    start = time.process_time()
    with pytest.raises(DataError, match=r"more than|no JSON"):
        validate_request(plain(), value)
    assert time.process_time() - start < 1.0
    assert check_bounds({"text": ["x", 1.5, None, True]}) == ""


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (GOOD.replace("path: /x, ", ""), "contract.no_path"),
        (GOOD.replace("path: /x", "path: 'http://elsewhere/x'"), "contract.no_path"),
        (GOOD.replace("path: /x", "path: /../x"), "contract.no_path"),
        (GOOD.replace("request: {schema: {type: object}}, ", ""), "contract.no_schema"),
        (GOOD.replace("response: {schema: {type: object}}", "response: {}"), "contract.no_schema"),
        (GOOD.replace("request: {schema: {type: object}}", "request: {schema: {type: text}}"), "contract.bad_schema"),
        (GOOD.replace("{type: object}}, r", "{$ref: 'https://x/y'}}, r"), "contract.remote_ref"),
        (GOOD.replace("{type: object}}, r", "{$ref: 'other.json#/a'}}, r"), "contract.remote_ref"),
        (GOOD.replace("{type: object}}, r", "{$ref: '#/$defs/none'}}, r"), "contract.bad_schema"),
        (GOOD.replace("  permissions: []\n", ""), "contract.no_permissions"),
        (GOOD + "  offline: {required: true, strategy: cache}\n", "contract.no_fallback"),
        (GOOD + "  offline: {strategy: hope}\n", "contract.bad_strategy"),
        (GOOD.replace("{type: object}}, r", "{minLength: few}}, r"), "contract.bad_schema"),
        (GOOD.replace("{type: object}}, r", "{pattern: '(a+)+$'}}, r"), "contract.bad_schema"),
    ],
)
def test_a_contract_that_breaks_a_rule_is_refused(text: str, code: str) -> None:
    assert check_contract(cap(GOOD))[1] == ()
    with pytest.raises(DataError) as caught:
        read_contract(cap(text))
    assert caught.value.code == code
    assert caught.value.text("zh")


def test_only_capabilities_have_contracts() -> None:
    with pytest.raises(DataError, match="no capability"):
        read_contract(Item(Kind.SKILL, "x"))


@pytest.mark.parametrize(
    ("raw", "typed"),
    [
        ({"type": "integer", "enum": ["1", "2"]}, {"type": "integer", "enum": [1, 2]}),
        ({"type": "string", "enum": ["1", "on"]}, {"type": "string", "enum": ["1", "on"]}),
        ({"type": "boolean", "default": "false"}, {"type": "boolean", "default": False}),
        ({"additionalProperties": "false"}, {"additionalProperties": False}),
        ({"type": "number", "minimum": "0.5"}, {"type": "number", "minimum": 0.5}),
        ({"type": "array", "items": {"maxLength": "3"}}, {"type": "array", "items": {"maxLength": 3}}),
        ({"allOf": [{"minItems": "1"}]}, {"allOf": [{"minItems": 1}]}),
        (
            {"properties": {"a": {"type": "string", "required": "true"}, "b": {"required": "false"}}},
            {"properties": {"a": {"type": "string"}, "b": {}}, "required": ["a"]},
        ),
        ({"properties": {"required": {"type": "string"}}}, {"properties": {"required": {"type": "string"}}}),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "type": "null"}, {"type": "null"}),
        ("true", True),
    ],
)
def test_text_becomes_what_the_schema_means(raw: Any, typed: Any) -> None:
    assert typed_schema(raw) == typed


def deep_schema(depth: int) -> Any:
    schema: Any = {"type": "string"}
    for _ in range(depth):
        schema = {"properties": {"a": schema}}
    return schema


@pytest.mark.parametrize(
    "raw",
    [
        deep_schema(100),
        {"properties": {str(n): {} for n in range(6_000)}},
        "soon",
        ["x"],
        {"properties": {"a": {"$id": "x"}}},
    ],
)
def test_schemas_that_are_too_much_are_refused(raw: Any) -> None:
    with pytest.raises(DataError) as caught:
        typed_schema(raw)
    assert caught.value.code == "contract.bad_schema"


def test_a_schema_may_refer_to_itself_but_not_for_ever() -> None:
    tree = typed_schema({"type": "object", "properties": {"next": {"$ref": "#"}}})
    validate_request(plain(request=tree), {"next": {"next": {}}})
    with pytest.raises(DataError, match=r"without end"):
        validate_request(plain(request=typed_schema({"$ref": "#"})), {})


@pytest.mark.parametrize("pattern", ["^[a-z]+(-[a-z]+)*$", r"^\d{4}-\d{2}$", "^(a|b)+$", "[^/]+/x", "^.*$"])
def test_usual_patterns_are_matched(pattern: str) -> None:
    assert check_pattern(pattern, "x") == pattern


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "(a*)*b",
        "(aa*)*b",
        "(foo|fo)+x",
        "a*a*a*a*b",
        r"(a)\1",
        "(?=a)b",
        "((a{0,30}){0,30})x",
        "(",
        "a" * 300,
    ],
)
def test_patterns_that_could_run_for_ever_are_refused(pattern: str) -> None:
    with pytest.raises(DataError):
        check_pattern(pattern, "x")


def with_(**changes: Any) -> dict[str, Any]:
    return {**OBJECT, **changes}


PROPERTIES = OBJECT["properties"]
CHANGES: list[tuple[str, dict[str, Any], str, bool, bool]] = [
    # what is done to the schema, the schema, a word of the difference, compatible as request, compatible as response
    ("nothing", OBJECT, "", True, True),
    ("optional field added", with_(properties={**PROPERTIES, "more": {"type": "string"}}), "added", True, True),
    ("optional field removed", with_(properties={"text": PROPERTIES["text"]}), "removed", False, False),
    ("required field added", with_(required=["text", "tone"]), "required", False, True),
    ("field no longer required", with_(required=[]), "not_required", True, False),
    ("field retyped", with_(properties={**PROPERTIES, "text": {"type": "integer"}}), "retyped", False, False),
    ("bound tightened", with_(properties={**PROPERTIES, "text": {"type": "string", "minLength": 2}}), "narrowed", False, True),
    ("bound dropped", with_(properties={**PROPERTIES, "text": {"type": "string"}}), "widened", True, False),
    ("bound added", with_(properties={**PROPERTIES, "text": {**PROPERTIES["text"], "maxLength": 9}}), "narrowed", False, True),
    ("word added", with_(properties={**PROPERTIES, "tone": {"type": "string", "enum": ["a", "b", "c"]}}), "widened", True, False),
    ("word removed", with_(properties={**PROPERTIES, "tone": {"type": "string", "enum": ["a"]}}), "narrowed", False, True),
    ("words exchanged", with_(properties={**PROPERTIES, "tone": {"type": "string", "enum": ["c"]}}), "changed", False, False),
    ("closed", with_(additionalProperties=False), "narrowed", False, True),
    ("null allowed", with_(properties={**PROPERTIES, "tone": {"type": ["string", "null"], "enum": ["a", "b"]}}), "", True, False),
    ("pattern added", with_(properties={**PROPERTIES, "text": {**PROPERTIES["text"], "pattern": "^a"}}), "added", False, True),
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change[0])
def test_what_a_change_means_for_old_callers(change: tuple[str, dict[str, Any], str, bool, bool]) -> None:
    _, schema, word, as_request, as_response = change
    asked = compare_contracts(plain(), plain(request=schema))
    given = compare_contracts(plain(), plain(response=schema))
    assert (asked.compatible, given.compatible) == (as_request, as_response)
    if word:
        assert any(one.what == word for one in asked.differences + given.differences)
    else:
        assert schema is not OBJECT or asked.differences == ()


def test_differences_are_exact() -> None:
    new = with_(properties={"text": {"type": "integer"}}, required=["text", "size"])
    found = [str(one) for one in compare_contracts(plain(), plain(request=new)).breaking]
    assert found == [
        "request/size: required",
        "request/text: retyped (string -> integer)",
        "request/tone: removed (string)",
    ]


@pytest.mark.parametrize(
    ("changes", "compatible"),
    [
        ({"path": "/y"}, False),
        ({"method": "PUT"}, False),
        ({"offline": "cache"}, False),
        ({"errors": {"4100": "", "4101": "new"}}, True),
        ({"errors": {}}, False),
    ],
)
def test_the_interface_itself_belongs_to_the_contract(changes: dict[str, Any], compatible: bool) -> None:
    before = plain(errors={"4100": ""})
    assert compare_contracts(before, replace(before, **changes)).compatible is compatible


def test_integers_are_numbers_where_they_are_asked_for() -> None:
    integer, number = {"type": "integer"}, {"type": "number"}
    assert not any(one.breaking for one in compare_schemas(integer, number, "x", asks=True))
    assert any(one.breaking for one in compare_schemas(integer, number, "x", asks=False))


def test_references_are_followed_when_schemas_are_compared() -> None:
    old = typed_schema({"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "string"}}})
    new = typed_schema({"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "integer"}}})
    assert [one.what for one in compare_schemas(old, new, "x", asks=True)] == ["retyped"]


@pytest.mark.parametrize(
    ("old", "new", "schema", "needed", "enough"),
    [
        ("1.2.0", "1.2.1", OBJECT, "none", True),
        ("1.2.0", "1.3.0", CHANGES[1][1], "minor", True),
        ("1.2.0", "1.2.1", CHANGES[1][1], "minor", False),
        ("1.2.0", "1.3.0", CHANGES[5][1], "major", False),
        ("1.2.0", "2.0.0", CHANGES[5][1], "major", True),
        ("0.2.0", "0.3.0", CHANGES[5][1], "major", True),
        ("0.2.0", "0.2.1", CHANGES[5][1], "major", False),
        ("soon", "later", CHANGES[5][1], "major", False),
    ],
)
def test_versions_say_what_changed(old: str, new: str, schema: dict[str, Any], needed: str, enough: bool) -> None:
    before, after = plain(version=old), plain(version=new, request=schema)
    assert (version_needed(before, after), version_is_enough(before, after)) == (needed, enough)


def test_a_skill_that_describes_the_capability_is_compared_with_it() -> None:
    claimed = read("text-summarize")
    quiet = Item(Kind.SKILL, "quiet", "1.0.0")
    assert compare_contracts(claimed, implemented_by(quiet, claimed)).differences == ()
    own = {"inputSchema": {"type": "object", "required": ["text", "lang"], "properties": {"text": {"type": "string"}}}}
    loud = Item(Kind.SKILL, "loud", "1.0.0", facts={"contracts": {"text-summarize": own}})
    found = {str(one) for one in compare_contracts(claimed, implemented_by(loud, claimed)).breaking}
    assert found >= {"request/lang: required", "request/sentences: removed (integer)"}
