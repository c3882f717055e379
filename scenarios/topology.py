"""A topology: networks, nodes and what each has, as written in `scenarios/topologies/NAME.yaml`. Its story is
`scenarios/stories/NAME.py` with a `play(world)`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

from protocol.errors import NotFoundError

FOLDER = Path(__file__).resolve().parent / "topologies"


class Part(BaseModel):
    """A typo is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Machine(Part):
    """One node. `catalogue`: it has the demo catalogue in a folder; `program`: what runs there instead of a node; `settings` go into
    `config.yaml`; a node that is `late` is started by the story."""

    lan: str
    gateway: str = ""
    catalogue: bool = False
    shares: tuple[str, ...] = ()
    settings: dict[str, Any] = Field(default_factory=dict)
    key_of: str = ""
    program: tuple[str, ...] = ()
    late: bool = False
    loss: float = Field(default=0.0, ge=0, le=100)


class Topology(Part):
    """The whole. `lans`: name -> subnet, `routers`: name -> lans."""

    about: str
    lans: dict[str, str]
    routers: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    nodes: dict[str, Machine]


def names() -> list[str]:
    """What can be run."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load(name: str) -> Topology:
    """Raises NotFoundError `scenario.unknown`, pydantic's ValidationError for a file that does not hold."""
    if name not in names():
        raise NotFoundError("scenario.unknown", name=name[:100], known=", ".join(names()))
    return Topology.model_validate(yaml.safe_load((FOLDER / f"{name}.yaml").read_text("utf-8")))
