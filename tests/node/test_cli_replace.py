"""`ooder replace`: compared, planned, switched, kept only when the new skill answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.node.test_cli import Ooder, catalogue, data, ooder

__all__ = ["catalogue", "ooder"]

TEXT = json.dumps({"text": "一。二。三。", "sentences": 1}, ensure_ascii=False)
REPLACE = ("replace", "scene:text-desk", "cap:text-summarize", "--with")


@pytest.fixture
def installed(ooder: Ooder, catalogue: Path) -> None:
    ooder("scan", str(catalogue))
    assert ooder("install", "scene:text-desk", "--yes")[0] == 0


def skill_of(ooder: Ooder) -> str:
    routes = {r["capability"]: r["skills"] for i in data(ooder("installed", "--json"))["items"] for r in i["routes"]}
    return str(routes["text-summarize"][0]).partition("@")[0]


def test_the_new_skill_answers_and_rollback_brings_the_old_one_back(ooder: Ooder, installed: None) -> None:
    assert skill_of(ooder) == "skill:skill-text-digest"
    code, out, err = ooder(*REPLACE, "skill-text-brief", "--probe", TEXT, "--yes")
    assert code == 0 and "skill-text-digest" in out and "summary" in out, err
    assert skill_of(ooder) == "skill:skill-text-brief"
    assert ooder("call", "scene:text-desk", "cap:text-summarize", "-d", TEXT)[0] == 0
    assert ooder("rollback", "1")[0] == 0 and skill_of(ooder) == "skill:skill-text-digest"


def test_one_that_cannot_answer_changes_nothing(ooder: Ooder, installed: None) -> None:
    code, _, err = ooder(*REPLACE, "skill:skill-summary-service", "--probe", TEXT, "--yes")
    assert code == 7 and "replace.failed" in err
    assert skill_of(ooder) == "skill:skill-text-digest"
    assert ooder("verify")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("replace", "scene:daily-report", "cap:40", "--with", "skill:skill-msg-mail"), 3, "install.not_installed"),
        ((*REPLACE, "skill:nobody", "--yes"), 2, "plan.bad_choice"),
        ((*REPLACE, "scene:text-desk"), 2, "usage.bad_value"),
        ((*REPLACE, "skill-text-brief"), 6, "install.not_agreed"),
        ((*REPLACE, "skill-text-brief", "--probe", "{"), 2, "usage.bad_value"),
    ],
)
def test_what_cannot_be_is_refused(
    ooder: Ooder, installed: None, arguments: tuple[str, ...], code: int, said: str
) -> None:
    got, _, err = ooder(*arguments)
    assert (got, said in err, "Traceback" in err) == (code, True, False), err
    assert skill_of(ooder) == "skill:skill-text-digest"


def test_a_plan_only_compares(ooder: Ooder, installed: None) -> None:
    code, out, _ = ooder(*REPLACE, "skill-text-brief", "--plan")
    assert code == 0 and "skill-summary-service" in out and skill_of(ooder) == "skill:skill-text-digest"


def test_nothing_is_committed_before_the_new_skill_answered(ooder: Ooder, installed: None) -> None:
    before = data(ooder("installed", "--json"))["generation"]
    assert ooder(*REPLACE, "skill:skill-summary-service", "--probe", TEXT, "--yes")[0] == 7
    assert data(ooder("installed", "--json"))["generation"] == before
    assert ooder(*REPLACE, "skill-text-brief", "--probe", TEXT, "--yes")[0] == 0
    assert data(ooder("installed", "--json"))["generation"] == before + 1
