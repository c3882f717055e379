"""Which language to speak, and the few sentences the command line says by itself. Codes and JSON keys are always English."""

from __future__ import annotations

import os
from collections.abc import Mapping

from node.cli.sentences import SENTENCES

LANGUAGES = ("en", "zh")


def find_language(environ: Mapping[str, str] = os.environ) -> str:
    """`OODER_LANG`, else the locale variables in their usual order; "en" unless one says Chinese."""
    for name in ("OODER_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = environ.get(name, "")
        if value:
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


class Speaker:
    """Says sentences in one language."""

    def __init__(self, language: str) -> None:
        self.language = language

    def say(self, key: str, **params: object) -> str:
        """The sentence `key`, filled with `params`."""
        return SENTENCES[key][self.language == "zh"].format_map(params)

    def deed(self, reason: str) -> str:
        """Why a generation was made ("install scene:x"), in this language."""
        verb, _, rest = reason.replace("rollback to ", "rollback ", 1).partition(" ")
        return self.say(f"reason.{verb}", rest=rest).rstrip() if f"reason.{verb}" in SENTENCES else reason

    def age(self, seconds: float) -> str:
        """A duration people can take in at a glance."""
        for unit, size in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
            if seconds >= size:
                return self.say(f"age.{unit}", n=int(seconds // size))
        return self.say("age.now")

    def ago(self, seconds: float) -> str:
        """How long ago something was."""
        return self.say("age.now") if seconds < 60 else self.say("ago", age=self.age(seconds))
