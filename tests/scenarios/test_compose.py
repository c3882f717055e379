"""Compose files: as their topology says, as the specification says, and driven by exactly these commands."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for

from scenarios.compose import DOCKERFILE, FOLDER, compose, path_of, write
from scenarios.topology import ROOT, load, names
from scenarios.world import Failed
from scenarios.world_docker import DockerWorld, sweep
from tests.fakes.compose_spec import ComposeFile

DOCKER = """#!/bin/sh
# A docker client that writes down how it was called.
case "$*" in
  *" down "*) sleep "${DOWN:-0}";;
  *" up "*) test -z "$INTERRUPT" || kill -INT 0;;
esac
printf '%s\\n' "$*" >> "$DOCKER_CALLS"
case "$*" in
  *"compose ls"*) echo '[{"Name": "ooder-clone-4194305"}, {"Name": "shop-1"}, {"Name": "ooder-clone-1"}]';;
  *"ps --all"*) for word in "$@"; do case "$word" in *-cable) echo "$word exited ${CABLE:-0}";; esac; done;;
  *"ps --services"*) printf 'a\\nb\\n';;
  *" key") echo KEY;;
  *" exec "*"node status") echo 'service "seed" is not running' >&2; exit 1;;
  "logs "*) echo warming up; echo '{"event": "up"}';;
  *"container peers") echo '{"peers": [{"key": "KEY", "light": "online"}]}';;
esac
"""


@pytest.mark.parametrize("name", names())
def test_the_committed_file_is_the_one_that_its_topology_makes(name: str) -> None:
    assert path_of(name).read_text("utf-8") == write(name, load(name)), "run: python -m scenarios.compose"


@pytest.fixture(scope="module")
def specification() -> Validator:
    """The official schema, as the validator check-jsonschema carries it."""
    package = pytest.importorskip("check_jsonschema", reason="check-jsonschema is not installed")
    schema = json.loads((files(package) / "builtin_schemas" / "vendor" / "compose-spec.json").read_text("utf-8"))
    return validator_for(schema)(schema)


@pytest.mark.parametrize("name", names())
def test_every_file_is_one_of_the_compose_specification(name: str, specification: Validator) -> None:
    made = compose(name, load(name))
    assert not [f"{error.json_path}: {error.message}" for error in specification.iter_errors(made)]
    next(iter(made["services"].values()))["readonly"] = True
    assert not specification.is_valid(made)


@pytest.mark.parametrize("name", names())
def test_every_file_holds(name: str) -> None:
    topology = load(name)
    file = ComposeFile.model_validate(yaml.safe_load(path_of(name).read_text("utf-8")))
    for machine, each in topology.nodes.items():
        service = file.services[machine]
        assert service.user == "" and service.cap_add == [], "nodes are ordinary users"
        settings = yaml.safe_load(service.environment["SCENARIO_SETTINGS"].replace("$$", "$"))
        assert settings["name"] == machine and service.command[4:] == list(each.program)
    assert all(file.networks[lan].internal for lan in topology.lans) is not bool(topology.routers)


def test_no_file_is_left_of_a_topology_that_is_gone() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(names())


def test_machines_have_the_addresses_they_have_in_namespaces() -> None:
    addresses = load("department-two-subnets").addresses()
    assert addresses["router"] == {"office": "10.77.1.1", "lab": "10.77.2.1"}
    assert addresses["seed"] == {"office": "10.77.1.13"}  # as the settings of the other machines say


def test_the_image_is_slim_has_an_ordinary_user_and_a_health_check() -> None:
    text = DOCKERFILE.read_text("utf-8")
    stages = [line.split() for line in text.splitlines() if line.startswith("FROM ")]
    assert [words[-1] for words in stages] == ["packages", "machine", "node"]
    assert len({words[1] for words in stages}) == 1 and "slim" in stages[0][1]
    assert "--require-hashes" in text and "HEALTHCHECK" in text and text.count("USER 10001:10001") == 2
    copied = {line.split()[1] for line in text.splitlines() if line.startswith("COPY ") and "--from" not in line}
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == allowed and all((ROOT / each).exists() for each in copied)


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    docker, said = tmp_path / "docker", tmp_path / "calls"
    docker.write_text(DOCKER)
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("DOCKER_CALLS", str(said))
    return said


def test_a_scenario_is_driven_by_these_commands(calls: Path) -> None:
    told: list[str] = []
    with DockerWorld("department-two-subnets", load("department-two-subnets"), told.append) as world:
        project = f"ooder-department-two-subnets-{os.getpid()}"
        world.start("seed")
        world.signal("seed", signal.SIGTERM)
        world.signal("seed", signal.SIGSTOP)
        assert world.lives("a") and not world.lives("seed")
        assert world.light("desk", "bench") == "online"
        assert not world.python("seed", "node", "status").returncode
        assert world.said("bench") == [{"event": "up"}]
        world.split("office", ["desk"])
        world.heal("office")
    prefix = f"compose --file {path_of('department-two-subnets')} --project-name {project} --profile late "
    lines = calls.read_text().splitlines()
    acts = [line.removeprefix(prefix) for line in lines if not line.removeprefix(prefix).startswith("exec ")]
    build, up = f"build --quiet --file {DOCKERFILE}", "up --detach --no-build"
    cables = "ps --all --format {{.Service}} {{.State}} {{.ExitCode}}"
    assert acts == [
        "compose version --short",
        "version --format {{.Server.Version}}",
        "compose ls --all --format json",
        "compose --project-name ooder-clone-4194305 down --volumes --remove-orphans --timeout 1",
        *(f"{build} --target {each} --tag ooder-scenario-{each} {ROOT}" for each in ("machine", "node")),
        f"{up} router",
        f"{up} desk bench",
        f"{up} --no-deps --force-recreate desk-cable bench-cable",
        f"{cables} desk-cable bench-cable",
        f"{up} seed",
        f"{up} --no-deps --force-recreate seed-cable",
        f"{cables} seed-cable",
        "kill --signal SIGTERM seed",
        "pause seed",
        "ps --services --status running",
        "ps --services --status running",
        "run --rm --no-deps --no-TTY seed python -m node status",
        f"logs {project}-bench-1",
        f"network disconnect {project}_office {project}-desk-1",
        f"network connect --ip 10.77.1.12 {project}_office {project}-desk-1",
        "down --volumes --remove-orphans --timeout 1",
    ]
    assert prefix + "exec --no-TTY desk python -m scenarios.container peers" in lines


def test_a_cable_that_cannot_be_made_fails_the_scenario(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CABLE", "2")
    with pytest.raises(Failed, match="a-cable left with 2"), DockerWorld("lossy", load("lossy"), str):
        pass
    assert calls.read_text().splitlines()[-1].endswith("down --volumes --remove-orphans --timeout 1")


def test_everything_is_removed_after_an_interrupt(calls: Path) -> None:
    command = [sys.executable, "-m", "node", "scenario", "run", "lossy", "--driver", "docker"]
    environment = {**os.environ, "INTERRUPT": "1", "DOWN": "0.5"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, start_new_session=True
    )
    assert done.returncode == 130 and "removed" in done.stderr
    assert calls.read_text().splitlines()[-1].endswith("down --volumes --remove-orphans --timeout 1")


def test_only_projects_of_dead_runs_are_swept(calls: Path) -> None:
    assert sweep() == ["ooder-clone-4194305"]


def test_without_an_engine_that_is_said(tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": str(tmp_path)}
    command = [sys.executable, "-m", "scenarios", "run", "clone", "--driver", "docker"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 5 and "scenario.no_engine" in done.stderr and "not installed" in done.stderr


def test_the_command_prints_the_file() -> None:
    command = [sys.executable, "-m", "scenarios", "compose", "personal-3"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.dumps(yaml.safe_load(done.stdout)) and done.stdout == path_of("personal-3").read_text("utf-8")
