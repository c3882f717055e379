"""A topology: networks, nodes and what each has, as written in `scenarios/topologies/NAME.yaml`. Its story is
`scenarios/stories/NAME.py` with a `play(world)`."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

from protocol.errors import NotFoundError

ROOT = Path(__file__).resolve().parent.parent
CATALOGUE = ROOT / "scenarios" / "catalogue"
FOLDER = ROOT / "scenarios" / "topologies"


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

    def addresses(self) -> dict[str, dict[str, str]]:
        """machine -> lan -> address: routers from .1 on, nodes from .11 on, counted over all that are on the lan."""
        found: dict[str, dict[str, str]] = {}

        def plug(name: str, lan: str, first: int) -> None:
            others = [plugs[lan] for other, plugs in found.items() if lan in plugs and other != name]
            number = sum(1 for ip in others if first > 1 or int(ip.split(".")[3]) < 11)
            found.setdefault(name, {})[lan] = str(ipaddress.IPv4Network(self.lans[lan])[first + number])

        for router, lans in self.routers.items():
            for lan in lans:
                plug(router, lan, 1)
        for name, machine in self.nodes.items():
            plug(name, machine.lan, 11)
        return found


def settings_of(name: str, machine: Machine, catalogue: str) -> dict[str, Any]:
    """The `config.yaml` of a machine; `catalogue` is the folder of the demo catalogue there."""
    sources: dict[str, Any] = {"local_fs": {"agent_folders": False}}
    if machine.catalogue:
        sources["local_fs"]["folders"] = [catalogue]
    settings: dict[str, Any] = {"name": name, "api": {"port": 0}, "sources": sources}
    settings |= {key: value for key, value in machine.settings.items() if key != "sources"}
    sources |= machine.settings.get("sources", {})
    return settings


def names() -> list[str]:
    """What can be run."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load(name: str) -> Topology:
    """Raises NotFoundError `scenario.unknown`, pydantic's ValidationError for a file that does not hold."""
    if name not in names():
        raise NotFoundError("scenario.unknown", name=name[:100], known=", ".join(names()))
    return Topology.model_validate(yaml.safe_load((FOLDER / f"{name}.yaml").read_text("utf-8")))
