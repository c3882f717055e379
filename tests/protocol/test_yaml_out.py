"""What we write, every YAML reader reads back alike."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from protocol.yaml_out import emit, json_in_yaml

TRAPS = ["1.10", "on", "off", "No", "Y", "0x2D", "40", "07", "2026-02-20", "12:30:45", "~", "", " a", "a ", "a: b", "a #b", "- a",
         "null", ".inf", "=", "<<", "!x", "&a", "*a", "%x", "@x", "`x", "'", '"', "a\nb", "\t", "日报：助手", "\u2028", "\x85", "\ufeff",
         "\U0001f600", "\x7f", "a\\b", "1e3", "1_000", "true", "中文 words"]  # fmt: skip


@pytest.mark.parametrize("loader", [yaml.SafeLoader, yaml.CSafeLoader])
def test_traps_stay_text(loader: type) -> None:
    value = {"list": TRAPS, "keys": dict.fromkeys(TRAPS, "x")}
    assert yaml.load(emit(value), loader) == value


def test_the_form_people_see() -> None:
    value = {
        "version": "1.10",
        "spec": {"empty": {}, "none": [], "caps": [{"id": "a", "deep": {"x": 1}}, "b", [1, True, None]]},
    }
    assert emit(value) == (
        'version: "1.10"\nspec:\n  empty: {}\n  none: []\n  caps:\n  - id: a\n    deep:\n      x: 1\n  - b\n'
        "  -\n    - 1\n    - true\n    - null\n"
    )


_text = st.text(max_size=12)
_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_text, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(_text, _values, max_size=5))
def test_everything_comes_back(value: dict) -> None:
    text = emit(value)
    assert yaml.load(text, yaml.CSafeLoader) == value
    assert "\r" not in text
    assert json.loads(json_in_yaml(value)) == value
    assert yaml.load(json_in_yaml(value), yaml.CSafeLoader) == value
