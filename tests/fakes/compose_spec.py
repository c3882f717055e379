"""The part of the Compose specification that our files use, strict: an unknown word, a reference to nothing or an address outside its
network is an error. `ComposeFile.model_validate(yaml)`.
"""

from __future__ import annotations

import ipaddress
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Build(Part):
    context: str
    dockerfile: str
    target: Literal["node", "machine"]


class Plug(Part):
    ipv4_address: str


class Health(Part):
    disable: bool


class Needs(Part):
    condition: Literal["service_started", "service_healthy", "service_completed_successfully"]


class Service(Part):
    build: Build | None = None
    image: str
    pull_policy: Literal["never", ""] = ""
    command: list[str] = Field(default_factory=list)
    hostname: str = Field(default="", pattern=r"^[a-z0-9-]{0,63}$")
    init: bool = False
    user: str = ""
    environment: dict[str, str] = Field(default_factory=dict)
    networks: dict[str, Plug] = Field(default_factory=dict)
    network_mode: str = ""
    sysctls: dict[str, str] = Field(default_factory=dict)
    volumes: list[str] = Field(default_factory=list)
    tmpfs: list[str] = Field(default_factory=list)
    read_only: Literal[True]
    depends_on: dict[str, Needs] = Field(default_factory=dict)
    profiles: list[str] = Field(default_factory=list)
    healthcheck: Health | None = None
    cap_drop: list[str] = Field(default_factory=list)
    cap_add: list[str] = Field(default_factory=list)
    security_opt: list[str] = Field(default_factory=list)


class Pool(Part):
    subnet: str
    gateway: str


class Ipam(Part):
    config: list[Pool] = Field(min_length=1)


class Network(Part):
    driver: Literal["bridge"]
    ipam: Ipam
    internal: bool = False


class ComposeFile(Part):
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    services: dict[str, Service]
    networks: dict[str, Network]
    volumes: dict[str, dict[str, Any]]

    @model_validator(mode="after")
    def _joined(self) -> Self:
        taken: set[str] = set()
        built = [service.image for service in self.services.values() if service.build]
        assert sorted(built) == sorted({service.image for service in self.services.values()}), "each is built once"
        for name, service in self.services.items():
            assert bool(service.build) != bool(service.pull_policy), name
            assert bool(service.networks) != bool(service.network_mode), f"{name}: networks or network_mode"
            for lan, plug in service.networks.items():
                pool = self.networks[lan].ipam.config[0]
                assert ipaddress.ip_address(plug.ipv4_address) in ipaddress.ip_network(pool.subnet), name
                assert plug.ipv4_address != pool.gateway and plug.ipv4_address not in taken, f"{name}: address taken"
                taken.add(plug.ipv4_address)
            for needed in (*service.depends_on, *service.network_mode.split(":")[1:]):
                assert needed in self.services, f"{name} needs {needed}"
            assert all(volume.split(":")[0] in self.volumes for volume in service.volumes), name
        return self
