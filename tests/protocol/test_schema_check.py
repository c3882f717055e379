"""Schemas are checked where they are needed; a program that checks none does not pay for it."""

from __future__ import annotations

import subprocess
import sys

from protocol.schema_check import first_fault, schema_fault


def test_the_first_fault_has_a_reason_and_a_place() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "integer"}}}}
    assert first_fault(schema, {"a": [1, 2]}) == ("", "/")
    reason, place = first_fault(schema, {"a": [1, "x"]})
    assert "integer" in reason and place == "/a/1"
    assert first_fault({"$ref": "#/$defs/none"}, 1)[0]


def test_a_schema_that_is_none_is_said() -> None:
    assert schema_fault({"type": "string"}) is None
    assert schema_fault({"properties": {"a": {"type": "strin"}}}) is not None


def test_the_command_line_starts_without_the_library() -> None:
    code = "import sys, node.cli.scan, node.cli.queue; sys.exit('jsonschema' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
