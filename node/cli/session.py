"""What every command has at hand: paths, settings, language, screen, and the service when it needs one."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from node.cli.language import Speaker, find_language
from node.cli.screen import Screen
from node.paths import Paths, find_home

if TYPE_CHECKING:
    from node.config import Config
    from node.service import Service


class Session:
    """Made once per command line from the global options; options after the command name override those before it."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = dict(options)
        self.flags_of_command: dict[tuple[str, ...], Any] = {}
        """Settings given as flags of one command."""
        self.speaker = Speaker(find_language())
        self.say = self.speaker.say

    def override(self, name: str, value: object) -> None:
        """An option given after the command name."""
        self._options[name] = value

    @cached_property
    def screen(self) -> Screen:
        color = {"always": True, "never": False}.get(str(self._options.get("color", "auto")))
        logging.basicConfig(
            level=[logging.ERROR, logging.INFO, logging.DEBUG][min(2, int(self._options.get("verbose") or 0))],
            format="%(levelname)s %(name)s: %(message)s",
        )
        return Screen(
            as_json=bool(self._options.get("as_json")),
            quiet=bool(self._options.get("quiet")),
            color=color,
            language=self.speaker.language,
        )

    @cached_property
    def paths(self) -> Paths:
        home = self._options.get("home")
        return Paths(Path(str(home)).expanduser().absolute()) if home else find_home()

    @property
    def flags(self) -> dict[tuple[str, ...], Any]:
        """Settings given as flags."""
        found: dict[tuple[str, ...], Any] = dict(self.flags_of_command)
        for name, keys in (("scope", ("scope",)), ("offline", ("offline",)), ("timeout", ("scan", "deadline"))):
            if self._options.get(name) not in (None, False):
                found[keys] = self._options[name]
        return found

    @cached_property
    def config(self) -> Config:
        """Validated settings. Raises UsageError `config.invalid` when they do not hold."""
        from node import config

        loaded = config.load(self.paths, self.flags)
        if loaded.problems:
            raise config.invalid(loaded.problems)
        return loaded

    @cached_property
    def service(self) -> Service:
        """The facade, opened on first use."""
        from node.service import Service

        return Service(self.paths, self.config)

    def forget_config(self) -> None:
        """Settings were changed: read them again when next needed."""
        for name in ("config", "service"):
            self.__dict__.pop(name, None)
