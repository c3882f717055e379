"""The shape of one message."""

from __future__ import annotations

from typing import NamedTuple


class Message(NamedTuple):
    """One sentence in both languages, and the next step in both."""

    en: str
    zh: str
    next_en: str = ""
    next_zh: str = ""
