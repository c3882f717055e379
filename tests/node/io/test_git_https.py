"""Git over https, against a server with a certificate of its own: what works, and who is not believed or followed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.io.git import GitMirrors
from protocol.errors import UnavailableError
from protocol.git_rules import SCHEMES, parse_url
from sources.ports import GitBounds
from tests.fakes.certificate import certificate
from tests.fakes.git_https import GitHttps
from tests.fakes.git_repository import MadeRepository
from tests.node.test_cli import Ooder, data, ooder

__all__ = ["ooder"]

SKILL = "id: a\nversion: 1.0.0\n"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitHttps]:
    _, context = certificate(tmp_path)
    MadeRepository(tmp_path / "served" / "repo.git").commit({"a/skill.yaml": SKILL})
    with GitHttps(tmp_path / "served", context) as running:
        yield running


@pytest.fixture
def mirrors(tmp_path: Path) -> GitMirrors:
    return GitMirrors(tmp_path / "home", GitBounds(tip_s=10, transfer_s=20, ca_file=str(tmp_path / "ca.pem")))


async def refused(mirrors: GitMirrors, url: str) -> UnavailableError:
    with pytest.raises(UnavailableError) as caught:
        await mirrors.tip(parse_url(url, SCHEMES), "")
    assert caught.value.next_step()
    return caught.value


@pytest.mark.parametrize("name", ["repo.git", "repo"])
async def test_a_repository_is_read_and_read_on(
    server: GitHttps, mirrors: GitMirrors, tmp_path: Path, name: str
) -> None:
    """`repo` is answered by a redirect to `repo.git`, as some forges do."""
    server.leads["/repo"] = server.url("repo.git")
    url = parse_url(server.url(name))
    tip = await mirrors.tip(url, "")
    assert tip is not None
    tree = await mirrors.tree(url, tip)
    oid = tree.files["a/skill.yaml"].oid
    assert await mirrors.blobs(url, tip.commit, [oid], 100) == {oid: SKILL.encode()}
    new = MadeRepository(tmp_path / "served" / "repo.git").commit({"a/skill.yaml": SKILL, "b/skill.yaml": "id: b"})
    tip = await mirrors.tip(url, "")
    assert tip is not None and tip.commit == new
    assert set((await mirrors.tree(url, tip)).files) == {"a/skill.yaml", "b/skill.yaml"}


async def test_a_certificate_nobody_vouches_for(server: GitHttps, tmp_path: Path) -> None:
    for ca_file in ("", str(tmp_path / "none.pem")):
        error = await refused(GitMirrors(tmp_path / "home", GitBounds(ca_file=ca_file)), server.url("repo.git"))
        assert error.code == "git.untrusted", error.params
        assert "ca_file" in error.next_step()
    assert server.asked == []


async def test_who_asks_for_a_password_gets_none_and_at_once(server: GitHttps, mirrors: GitMirrors) -> None:
    server.locked.add("/repo.git")
    start = time.monotonic()
    error = await refused(mirrors, server.url("repo.git"))
    assert error.code == "git.login"
    assert time.monotonic() - start < 3


@pytest.mark.parametrize(
    "target", ["https://127.0.0.1:{port}/x", "http://127.0.0.1:1/x", "file:///{served}/repo.git", "ext::sh"]
)
async def test_nobody_is_led_elsewhere(server: GitHttps, mirrors: GitMirrors, tmp_path: Path, target: str) -> None:
    (tmp_path / "other").mkdir()
    _, context = certificate(tmp_path / "other")
    with GitHttps(tmp_path / "served", context) as other:
        port = other.url("").split(":")[2].rstrip("/")
        server.leads["/old.git"] = target.format(port=port, served=tmp_path / "served")
        error = await refused(mirrors, server.url("old.git"))
        assert error.code == "git.moved"
        assert other.asked == []


async def test_a_repository_that_is_not_there(server: GitHttps, mirrors: GitMirrors) -> None:
    error = await refused(mirrors, server.url("none.git"))
    assert error.code == "git.unreachable"
    assert "not found" in str(error.params["reason"])


@pytest.mark.slow
def test_found_installed_and_updated_from_the_command_line(
    server: GitHttps, ooder: Ooder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = MadeRepository(tmp_path / "served" / "tools.git")
    text = "---\nname: tidy\ndescription: Tidies notes.\nmetadata: {version: '1.%d.0'}\n---\n# Tidy\n"
    made.commit({"tidy/SKILL.md": text % 1})
    address = server.url("tools.git")
    code, _, err = ooder("install", f"{address}//tidy", "--yes")
    assert code == 5 and "git.untrusted" in err
    monkeypatch.setenv("OODER_SOURCES__GIT_REPOSITORY__CA_FILE", str(tmp_path / "ca.pem"))
    assert ooder("scan", address)[0] == 0
    assert "skill:tidy" in ooder("search", "tidy")[1]
    code, _, err = ooder("install", "skill:tidy@1.1.0", "--yes")
    assert code == 0, err
    made.commit({"tidy/SKILL.md": text % 2})
    assert ooder("scan")[0] == 0
    code, _, err = ooder("install", "skill:tidy@1.2.0", "--yes")
    assert code == 0, err
    rows = data(ooder("installed", "--json"))["items"]
    assert [row["version"] for row in rows] == ["1.2.0"]
