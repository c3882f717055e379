"""A topology as a compose file (Compose specification): one container per machine, made from `scenarios/docker/Dockerfile`.

The files in `scenarios/compose/` are made here (`ooder scenario compose NAME`) and held true by a test. Machines have the addresses
that they have in namespaces. Routes and bad cables are made by a helper container in the network of its machine, the only
one with a privilege (NET_ADMIN); nodes run as an ordinary user. Networks without routers have no way out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from scenarios.topology import ROOT, Machine, Topology, load, names, settings_of

FOLDER = ROOT / "scenarios" / "compose"
HOME, CATALOGUE = "/data", "/app/scenarios/catalogue"
SETTINGS = "/scenario/config.yaml"
IMAGE = "ooder-scenario"
LATE = "late"


def compose(name: str, topology: Topology) -> dict[str, Any]:
    """The whole file."""
    addresses = topology.addresses()
    services: dict[str, Any] = {}
    for router, lans in topology.routers.items():
        services[router] = _router({lan: {"ipv4_address": addresses[router][lan]} for lan in lans})
    for machine, each in topology.nodes.items():
        services[machine] = _machine(machine, each, addresses[machine][each.lan])
        commands = _cable(each)
        if commands:
            services[f"{machine}-cable"] = _helper(machine, each, commands)
    nodes = list(topology.nodes)
    return {
        "name": f"ooder-{name}",
        "services": services,
        "networks": {lan: _network(topology, lan, subnet) for lan, subnet in topology.lans.items()},
        "volumes": {f"{machine}-home": {} for machine in nodes},
        "configs": {f"{machine}-settings": {"content": _settings(machine, topology)} for machine in nodes},
    }


def write(name: str, topology: Topology) -> str:
    """The file as text."""
    words: dict[str, Any] = {"sort_keys": False, "width": 120, "allow_unicode": True, "default_flow_style": None}
    head = f"# Made from scenarios/topologies/{name}.yaml by `ooder scenario compose {name}`. {topology.about}\n"
    return head + str(yaml.dump(compose(name, topology), Dumper=_Dumper, **words))


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
_Dumper.ignore_aliases = lambda *_: True  # type: ignore[method-assign]


def path_of(name: str) -> Path:
    """Where the file of a scenario lies."""
    return FOLDER / f"{name}.yaml"


def _machine(name: str, machine: Machine, address: str) -> dict[str, Any]:
    service: dict[str, Any] = {
        "build": {"context": "../..", "dockerfile": "scenarios/docker/Dockerfile", "target": "node"},
        "image": f"{IMAGE}-node",
        "hostname": name,
        "networks": {machine.lan: {"ipv4_address": address}},
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
    }
    if machine.late:
        service["profiles"] = [LATE]
    if machine.program:
        service["command"] = ["python", "-m", "scenarios.container", "serve", *machine.program]
        service["healthcheck"] = {"disable": True}
    service["environment"] = {"OODER_LANG": "en"}
    service["volumes"] = [f"{name}-home:{HOME}"]
    service["configs"] = [{"source": f"{name}-settings", "target": SETTINGS}]
    if machine.shares:
        service["environment"]["SCENARIO_SHARES"] = " ".join(machine.shares)
    if machine.key_of:
        service["environment"]["SCENARIO_KEY_OF"] = "/original"
        service["volumes"].append(f"{machine.key_of}-home:/original:ro")
        service["depends_on"] = {machine.key_of: {"condition": "service_healthy"}}
    return service


def _router(networks: dict[str, Any]) -> dict[str, Any]:
    return {
        "build": {"context": "../..", "dockerfile": "scenarios/docker/Dockerfile", "target": "machine"},
        "image": f"{IMAGE}-machine",
        "command": ["sleep", "infinity"],
        "init": True,
        "networks": networks,
        "sysctls": {"net.ipv4.ip_forward": "1"},
        "healthcheck": {"disable": True},
    }


def _helper(name: str, machine: Machine, commands: list[str]) -> dict[str, Any]:
    service = {
        "build": {"context": "../..", "dockerfile": "scenarios/docker/Dockerfile", "target": "machine"},
        "image": f"{IMAGE}-machine",
        "command": ["sh", "-ec", "; ".join([*commands, "exec sleep infinity"])],
        "init": True,
        "user": "0:0",
        "network_mode": f"service:{name}",
        "depends_on": {name: {"condition": "service_started"}},
        "cap_drop": ["ALL"],
        "cap_add": ["NET_ADMIN"],
        "healthcheck": {"disable": True},
    }
    if machine.late:
        service["profiles"] = [LATE]
    return service


def _cable(machine: Machine) -> list[str]:
    """Losing on the way out only, as much as both ways together lose in namespaces."""
    commands = []
    if machine.gateway:
        commands.append(f"ip route replace default via {machine.gateway}")
    if machine.loss:
        both = 100 * (1 - (1 - machine.loss / 100) ** 2)
        commands.append(f"tc qdisc replace dev eth0 root netem loss {both:.2f}%")
    return commands


def _network(topology: Topology, lan: str, subnet: str) -> dict[str, Any]:
    """The bridge of the engine keeps the last address, so that routers can have the first ones."""
    base = subnet.partition("/")[0].rpartition(".")[0]
    network: dict[str, Any] = {"driver": "bridge", "ipam": {"config": [{"subnet": subnet, "gateway": f"{base}.254"}]}}
    if not any(lan in lans for lans in topology.routers.values()):
        network["internal"] = True
    return network


def _settings(name: str, topology: Topology) -> str:
    text = yaml.safe_dump(settings_of(name, topology.nodes[name], CATALOGUE), sort_keys=False, allow_unicode=True)
    return str(text).replace("$", "$$")  # compose replaces ${...}


def main() -> int:
    """Write all files anew."""
    FOLDER.mkdir(exist_ok=True)
    for name in names():
        path_of(name).write_text(write(name, load(name)), "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
