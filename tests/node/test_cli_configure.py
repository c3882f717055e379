"""Settings and secrets of skills, and the bill of materials."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.node.test_cli import Ooder, catalogue, data, ooder

__all__ = ["catalogue", "ooder"]

CANARY = "canary-91be"
NAME = "skill-msg-dingtalk"


@pytest.fixture
def installed(ooder: Ooder, catalogue: Path) -> Path:
    ooder("scan", str(catalogue))
    code, _, err = ooder("install", f"skill:{NAME}", "--yes")
    assert code == 0 and f"PENDING skill:{NAME} still needs WEBHOOK_TOKEN" in err, err
    return catalogue


def test_secrets_are_kept_private_and_never_told(
    ooder: Ooder, installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = []
    said.append(ooder("configure", f"skill:{NAME}", f"WEBHOOK_TOKEN={CANARY}"))
    monkeypatch.setenv("TOKEN_HERE", CANARY)
    said.append(ooder("configure", f"skill:{NAME}", "--env", "WEBHOOK_TOKEN=TOKEN_HERE"))
    (tmp_path / "token").write_text(CANARY + "\n")
    said.append(ooder("configure", f"skill:{NAME}", "--file", f"WEBHOOK_TOKEN={tmp_path / 'token'}", "--json"))
    said.append(ooder("configure", f"skill:{NAME}", f"WEBHOOK_TOKEN={CANARY}\x07"))
    said.append(ooder("configure", f"skill:{NAME}", f"NOBODY_ASKED={CANARY}"))
    assert [one[0] for one in said] == [0, 0, 0, 2, 2]
    said.append(ooder("uninstall", f"skill:{NAME}"))
    said.append(ooder("install", f"skill:{NAME}", "--yes"))
    assert said[-1][0] == 0 and "PENDING" not in said[-1][2]
    said.append(ooder("status", "--events", "0", "-n", "1000", "--json"))
    said.append(ooder("sbom"))
    said.append(ooder("export", f"skill:{NAME}", "-o", str(tmp_path / "b.tar")))
    assert CANARY not in str(said)
    home = tmp_path / "home"
    holders = [path for path in home.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
    assert holders == [home / "config" / "skills" / NAME / "secrets.yaml"]
    assert holders[0].stat().st_mode & 0o777 == 0o600 and holders[0].parent.stat().st_mode & 0o777 == 0o700
    assert CANARY.encode() not in (tmp_path / "b.tar").read_bytes()


def test_unset_and_what_cannot_be(ooder: Ooder, installed: Path) -> None:
    ooder("configure", f"skill:{NAME}", "WEBHOOK_TOKEN=x")
    rows = data(ooder("configure", f"skill:{NAME}", "--json"))["settings"]
    assert {row["name"]: row["given"] for row in rows}["WEBHOOK_TOKEN"]
    rows = data(ooder("configure", f"skill:{NAME}", "--unset", "WEBHOOK_TOKEN", "--json"))["settings"]
    assert not {row["name"]: row["given"] for row in rows}["WEBHOOK_TOKEN"]
    assert ooder("configure", "skill:nothing")[0] == 3
    assert ooder("configure", f"skill:{NAME}", "WEBHOOK_TOKEN")[0] == 2
    assert ooder("configure", f"skill:{NAME}", "--env", "WEBHOOK_TOKEN=NOT_SET_ANYWHERE")[0] == 2
    assert ooder("configure", f"skill:{NAME}", "--file", "WEBHOOK_TOKEN=/no/such")[0] == 2


def test_the_bill_of_materials_is_valid(ooder: Ooder, catalogue: Path) -> None:
    ooder("scan", str(catalogue))
    ooder("install", "scene:meeting-minutes", "--yes")
    first, second = ooder("sbom", "scene:meeting-minutes"), ooder("sbom")
    assert first[0] == 0 and first[1] == second[1]
    document = json.loads(first[1])
    assert document["specVersion"] == "1.6" and len(document["components"]) == 13
    refs = {row["bom-ref"] for row in document["components"]}
    assert {name for row in document["dependencies"] for name in (row["ref"], *row["dependsOn"])} == refs
    assert ooder("sbom", "scene:nothing")[0] == 3
    pytest.importorskip("cyclonedx", reason="cyclonedx-python-lib is not installed")
    from cyclonedx.exception import MissingOptionalDependencyException
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    try:
        fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(first[1])
    except MissingOptionalDependencyException:
        pytest.skip("cyclonedx-python-lib is installed without json-validation")
    assert fault is None
