"""Source `github`: finds scenes, capabilities and skills in repositories on GitHub, and on forges of one's own (WIRE 3.7; see `sources.forge`)."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from protocol import limits
from sources import forge_settings
from sources.forge import ForgeProvider, Ports


class Config(forge_settings.Config):
    """Section `sources.github` of the configuration."""

    kind: ClassVar[str] = "github"

    keys: tuple[str, ...] = Field(
        default=("env:GITHUB_TOKEN", "env:GH_TOKEN"),
        max_length=limits.HTTP_KEYS,
        description="env:NAME or file:PATH (0600) of keys for the public forge, tried in order",
    )


class Provider(ForgeProvider):
    """Source `github`."""

    name: ClassVar[str] = "github"


def make(config: Config, ports: Ports) -> Provider:
    """The factory named in the table of sources."""
    return Provider(config, ports)
