"""A topology as a compose file (Compose specification): one container per machine, made from `scenarios/docker/Dockerfile`.

The files in `scenarios/compose/` are made here (`ooder scenario compose NAME`) and held true by a test. Machines have the addresses
that they have in namespaces. Routes and bad cables are made, once, by a helper container in the network of its machine, the only
one with a privilege (NET_ADMIN); nodes run as an ordinary user on a file system they cannot write, but for their home and
`/tmp`. Networks without routers have no way out.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import yaml

from scenarios.netns import loss_commands
from scenarios.topology import ROOT, Machine, Topology, load, names, settings_of

FOLDER = ROOT / "scenarios" / "compose"
HOME, CATALOGUE = "/data", "/app/scenarios/catalogue"
IMAGE = "ooder-scenario"
DOCKERFILE = ROOT / "scenarios" / "docker" / "Dockerfile"
LATE = "late"


def compose(name: str, topology: Topology) -> dict[str, Any]:
    """The whole file."""
    addresses = topology.addresses()
    services: dict[str, Any] = {}
    for router, lans in topology.routers.items():
        services[router] = _router({lan: {"ipv4_address": addresses[router][lan]} for lan in lans})
    for machine, each in topology.nodes.items():
        services[machine] = _machine(machine, topology, addresses[machine][each.lan])
        commands = _cable(each)
        if commands:
            services[f"{machine}-cable"] = _helper(machine, each, commands)
    _build_once(services)
    return {
        "name": f"ooder-{name}",
        "services": services,
        "networks": {lan: _network(topology, lan, subnet) for lan, subnet in topology.lans.items()},
        "volumes": {f"{machine}-home": {} for machine in topology.nodes},
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


def _build_once(services: dict[str, Any]) -> None:
    """One service builds an image for all; compose would build it, with other labels, for each."""
    builders: dict[str, str] = {}
    for name in sorted(services, key=lambda name: "profiles" in services[name]):
        service = services[name]
        if builders.setdefault(service["image"], name) != name:
            del service["build"]
            service["pull_policy"] = "never"


def _image(target: str) -> dict[str, Any]:
    """What all containers have in common."""
    return {
        "build": {"context": "../..", "dockerfile": str(DOCKERFILE.relative_to(ROOT)), "target": target},
        "image": f"{IMAGE}-{target}",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
    }


def _machine(name: str, topology: Topology, address: str) -> dict[str, Any]:
    machine = topology.nodes[name]
    service = {
        **_image("node"),
        "hostname": name,
        "networks": {machine.lan: {"ipv4_address": address}},
        "tmpfs": ["/tmp"],  # noqa: S108 - of the container
    }
    if machine.late:
        service["profiles"] = [LATE]
    if machine.program:
        service["command"] = ["python", "-m", "scenarios.container", "serve", *machine.program]
        service["healthcheck"] = {"disable": True}
    service["environment"] = {"OODER_LANG": "en", "SCENARIO_SETTINGS": _settings(name, topology)}
    service["volumes"] = [f"{name}-home:{HOME}"]
    if machine.shares:
        service["environment"]["SCENARIO_SHARES"] = " ".join(machine.shares)
    if machine.key_of:
        service["environment"]["SCENARIO_KEY_OF"] = "/original"
        service["volumes"].append(f"{machine.key_of}-home:/original:ro")
        service["depends_on"] = {machine.key_of: {"condition": "service_healthy"}}
    return service


def _router(networks: dict[str, Any]) -> dict[str, Any]:
    return {
        **_image("machine"),
        "command": ["sleep", "infinity"],
        "init": True,
        "networks": networks,
        "sysctls": {"net.ipv4.ip_forward": "1"},
        "healthcheck": {"disable": True},
    }


def _helper(name: str, machine: Machine, commands: list[str]) -> dict[str, Any]:
    service = {
        **_image("machine"),
        "command": ["sh", "-ec", "; ".join(commands)],
        "user": "0:0",
        "network_mode": f"service:{name}",
        "depends_on": {name: {"condition": "service_started"}},
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
        commands += [shlex.join(["tc", *words]) for words in loss_commands("eth0", both)]
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
