"""Source `udp_broadcast`: finds agents on the local network, with the capabilities and scenes they announce.

Guide 3.1, WIRE 3.1-3.2, LAN.md. The decisions are in `protocol.beacon`, the work in `sources.lan_beacon`.
"""

from __future__ import annotations

import ipaddress

from pydantic import BaseModel, ConfigDict, Field, field_validator

from protocol.lan_events import PORT, BeaconConfig
from sources.lan_beacon import BeaconProvider, Ports

DIALECT_PORTS = {"B": 1900, "D": 9001, "F": 8888, "G": 37021}


class Config(BaseModel):
    """Section `sources.udp_broadcast` of the configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    port: int = Field(default=PORT, ge=1, le=65_535, description="UDP port everybody shares")
    interval: float = Field(default=5.0, ge=1, le=300, description="seconds between announcements")
    watch_interval: float = Field(default=2.0, ge=1, le=300, description="the same while somebody looks at the network")
    wait_s: float = Field(default=5.0, gt=0, le=60, description="seconds a search waits for late answers at most")
    interfaces: tuple[str, ...] = Field(default=(), description="names or patterns of interfaces; empty chooses")
    seeds: tuple[str, ...] = Field(default=(), description="addresses (host IP or IP:port) to ask in other subnets")
    networks: tuple[str, ...] = Field(default=(), description="further subnets (CIDR) whose questions are answered")
    raw_text: bool = Field(default=False, description="send the documented raw text; it kills Java receivers")
    dialects: bool = Field(default=False, description="also listen on the ports of the other Java dialects")

    @field_validator("seeds")
    @classmethod
    def _addresses(cls, seeds: tuple[str, ...]) -> tuple[str, ...]:
        for seed in seeds:
            ip, port = _seed(seed, PORT)
            ipaddress.ip_address(ip)
            if not 1 <= port <= 65_535:
                raise ValueError(f"{seed!r} has no port between 1 and 65535")
        return seeds

    @field_validator("networks")
    @classmethod
    def _subnets(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for network in networks:
            ipaddress.ip_network(network, strict=False)
        return networks

    @property
    def beacon(self) -> BeaconConfig:
        """The same for the machine."""
        return BeaconConfig(
            port=self.port,
            interval=self.interval,
            watch_interval=self.watch_interval,
            raw_text=self.raw_text,
            seeds=tuple(_seed(seed, self.port) for seed in self.seeds),
            networks=self.networks,
        )

    @property
    def ears(self) -> tuple[int, ...]:
        """Further ports to listen on."""
        return tuple(DIALECT_PORTS.values()) if self.dialects else ()


def _seed(text: str, port: int) -> tuple[str, int]:
    """`IP`, `IP:port` or `[IP]:port`. Raises ValueError."""
    if text.startswith("["):
        ip, _, rest = text[1:].partition("]")
        return ip, int(rest.removeprefix(":")) if rest else port
    ip, colon, rest = text.partition(":")
    return (ip, int(rest)) if colon and ":" not in rest else (text, port)


class Provider(BeaconProvider):
    """Source `udp_broadcast`."""


def make(config: Config, ports: Ports) -> Provider:
    """The factory named in the table of sources."""
    return Provider(config, ports)
