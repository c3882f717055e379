"""Source `gitee`: finds scenes, capabilities and skills in repositories on Gitee, and on forges of one's own (WIRE 3.7; see `sources.forge`)."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from protocol import limits
from sources import forge_settings
from sources.forge import ForgeProvider, Ports


class Config(forge_settings.Config):
    """Section `sources.gitee` of the configuration."""

    kind: ClassVar[str] = "gitee"

    keys: tuple[str, ...] = Field(
        default=("env:GITEE_TOKEN",),
        max_length=limits.HTTP_KEYS,
        description="env:NAME or file:PATH (0600) of keys for the public forge, tried in order",
    )


class Provider(ForgeProvider):
    """Source `gitee`."""

    name: ClassVar[str] = "gitee"


def make(config: Config, ports: Ports) -> Provider:
    """The factory named in the table of sources."""
    return Provider(config, ports)
