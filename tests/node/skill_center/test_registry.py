"""A SkillCenter over HTTP: published, listed, downloaded, withdrawn - and everything that has to be refused."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest

from node.skill_center import center
from node.skill_center.publishing import prepared
from node.skill_center.shelf import Shelf
from protocol.digest import TreeFile, tree_digest
from protocol.errors import OoderError
from protocol.identity import spoken
from protocol.items import Status
from protocol.skill_center.changes import decode_change
from protocol.skill_center.head import bucket_digest, bucket_of, catalogue_digest, line_of, open_head
from protocol.skill_center.order import Act, Order, sign_order
from protocol.skill_center.release import open_release
from protocol.skill_center.revocations import open_revocations
from tests.node.skill_center.registries import ALICE, MALLORY, Running, a_registry, a_skill


async def refused(work: object) -> str:
    with pytest.raises(OoderError) as caught:
        await work  # type: ignore[misc]
    return caught.value.code


async def test_what_is_published_is_found_and_downloaded_as_the_java_client_asks(
    registry: Running, tmp_path: Path
) -> None:
    said = await registry.publish(ALICE, a_skill(tmp_path / "s", "daily-report", text='日报 {"a"}'))
    assert said == {"ref": "skill:daily-report@1.0.0", "event": 1, "status": "active"}
    status, rows, headers = await registry.get("/api/v1/skills", {"Authorization": "Bearer x"})
    assert (status, len(rows), headers["X-Total-Count"]) == (200, 1, "1")
    assert rows[0]["skillId"] == "daily-report" and "{" not in rows[0]["name"]
    for path in (
        "/api/v1/skills?capId=nobody",
        "/api/v1/scenes",
        "/api/v1/caps",
        "/api/v1/skills/scene/x",
        "/api/v1/skills/category/none/sub",
    ):
        assert (await registry.get(path))[:2] == (200, []), path
    assert (await registry.get("/health"))[0] == 200
    assert (await registry.get("/api/v1/skills/daily-report/versions"))[1] == ["1.0.0"]
    found = await registry.get("/api/v1/skills/search", method="POST", body={"query": "日报"})
    assert [row["skillId"] for row in found[1]] == ["daily-report"]
    assert (await registry.get("/api/v1/skills/daily-report"))[1]["checksum"] == rows[0]["checksum"]
    async with registry.client.get(registry.base + "/download/daily-report/latest") as answer:
        data = await answer.read()
    assert hashlib.sha256(data).hexdigest() == rows[0]["checksum"]
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = [
            TreeFile(one.filename, bool(one.external_attr >> 16 & 0o100), one.file_size, sha(archive.read(one)))
            for one in archive.infolist()
        ]
    assert tree_digest(files) == rows[0]["digest"]
    assert (await registry.get("/api/v1/skills", method="POST", body={"skillId": "x"}))[1]["code"] == "center.unsigned"


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def test_versions_are_immutable_and_names_have_owners(registry: Running, tmp_path: Path) -> None:
    first = a_skill(tmp_path / "s", "acme.report")
    await registry.publish(ALICE, first)
    assert (
        await refused(registry.publish(ALICE, a_skill(first, "acme.report", text="other"))) == "center.version_exists"
    )
    assert await refused(registry.publish(MALLORY, a_skill(first, "acme.report", "1.1.0"))) == "center.not_your_name"
    assert await refused(registry.publish(MALLORY, a_skill(first, "ACME.other"))) == "center.not_your_name"
    await registry.publish(ALICE, a_skill(first, "acme.report", "1.10.0"))
    await registry.publish(ALICE, a_skill(first, "acme.report", "1.9.0"))
    assert (await registry.get("/api/v1/skills/acme.report"))[1]["version"] == "1.10.0"
    assert (await registry.get("/api/v1/skills/acme.report/versions"))[1] == ["1.10.0", "1.9.0", "1.0.0"]


@pytest.mark.parametrize("version", ["1.10", "2", "'2.30'"])
async def test_a_version_that_is_a_number_is_refused(registry: Running, tmp_path: Path, version: str) -> None:
    work = registry.publish(ALICE, a_skill(tmp_path / "s", "daily-report", version))
    assert await refused(work) == "center.version_is_number"


async def test_orders_count_once_here_now_and_for_what_they_name(registry: Running, tmp_path: Path) -> None:
    sent: list[tuple[str, dict[str, str], bytes]] = []

    class Recording:
        async def ask(self, path: str) -> object:
            return (await registry.get(path))[1]

        async def send(self, path: str, headers: dict[str, str], body: bytes) -> object:
            sent.append((path, dict(headers), body))
            return {}

    publisher = registry.publisher(ALICE)
    publisher._registry = Recording()  # type: ignore[assignment]
    with prepared(a_skill(tmp_path / "s", "daily-report")) as ready:
        await publisher.publish(ready)
        later = registry.publisher(MALLORY)
        later._registry = Recording()  # type: ignore[assignment]
        await later.publish(ready)
    (path, headers, body), (_, of_mallory, _) = sent

    async def post(headers: dict[str, str], body: bytes) -> tuple[int, str]:
        async with registry.client.post(registry.base + path, data=body, headers=headers) as answer:
            return answer.status, json.loads(await answer.text()).get("code", "")

    record = open_release(headers["Ooder-Release"], registry.service.now())
    here = registry.center.key.public.agent_id
    foreign = sign_order(MALLORY, Order(Act.PUBLISH, here, record.digest), registry.service.now())
    assert await post({**headers, "Ooder-Order": foreign}, body) == (403, "center.other_order")
    mixed = {**headers, "Ooder-Order": of_mallory["Ooder-Order"]}
    assert await post(mixed, body) == (403, "center.other_order")
    assert await post({**headers, "Ooder-Order": ""}, body) == (422, "record.malformed")
    assert await post({**headers, "Ooder-Item": "-5"}, body) == (422, "center.bad_release")
    assert await post(headers, body[:-1]) == (422, "center.wrong_length")
    assert await post(headers, body[:-1] + b"x") == (422, "center.wrong_package")
    assert await post(headers, body + b"x" * 100_000) == (422, "center.wrong_length")
    assert (await post(headers, body))[0] == 201
    assert await post(headers, body) == (409, "center.replayed")
    registry.service._clock.raise_floor(registry.service.now() + 200)
    assert await post(headers, body) == (401, "record.expired")
    assert not list((tmp_path / "home/skill-center/packages/incoming").iterdir())


async def test_only_publishers_publish(tmp_path: Path) -> None:
    async with a_registry(tmp_path, publishers=[], namespaces={"acme": ALICE.public.fingerprint}) as registry:
        work = registry.publish(ALICE, a_skill(tmp_path / "s", "daily-report"))
        assert await refused(work) == "center.not_a_publisher"
    async with a_registry(tmp_path, anyone=True, namespaces={"Acme": spoken(ALICE.public.fingerprint)}) as registry:
        work = registry.publish(MALLORY, a_skill(tmp_path / "s", "acme.daily"))
        assert await refused(work) == "center.not_your_name"
        await registry.publish(ALICE, tmp_path / "s")


async def test_ids_that_traverse_and_other_rubbish_in_addresses(registry: Running) -> None:
    for path, status in (
        ("/api/v1/skills/..%2F..%2Fetc", 400),
        ("/api/v1/skills/a%00b", 400),
        ("/download/..%2Fx/latest", 400),
        ("/download/nobody/latest", 404),
        ("/download/nobody/1.0?kind=planet", 400),
        ("/api/v1/skills?limit=0", 400),
        ("/api/v1/skills?limit=99999999", 400),
        ("/api/v1/skills?q=" + "x" * 300, 400),
        ("/api/v1/changes?since=-1", 400),
        ("/api/v1/releases/planet/x", 400),
        ("/api/v1/skills/nobody", 404),
        ("/api/v1/skills?colour=red", 200),
    ):
        found, body, _ = await registry.get(path)
        assert found == status, (path, found, body)
        assert status == 200 or body["code"], path


async def test_deprecated_withdrawn_and_revoked_are_shown_and_told(registry: Running, tmp_path: Path) -> None:
    folder = a_skill(tmp_path / "s", "daily-report")
    await registry.publish(ALICE, folder)
    await registry.publish(ALICE, a_skill(folder, "daily-report", "2.0.0"))
    await registry.say(ALICE, "skill:daily-report@2.0.0", Status.DEPRECATED)
    assert (await registry.get("/api/v1/skills/daily-report"))[1]["version"] == "1.0.0"
    await registry.say(ALICE, "skill:daily-report@2.0.0", Status.ACTIVE)
    assert await refused(registry.say(MALLORY, "skill:daily-report", Status.WITHDRAWN)) == "center.unknown"
    await registry.say(ALICE, "skill:daily-report@2.0.0", Status.REVOKED, "steals")
    assert await refused(registry.say(ALICE, "skill:daily-report@2.0.0", Status.ACTIVE)) == "center.final"
    await registry.say(ALICE, "skill:daily-report@1.0.0", Status.WITHDRAWN)
    assert (await registry.get("/api/v1/skills"))[1] == []
    assert (await registry.get("/api/v1/skills/daily-report"))[1]["status"] == "withdrawn"
    assert (await registry.get("/api/v1/skills/daily-report/versions"))[1] == []
    status, body, _ = await registry.get("/download/daily-report/2.0.0")
    assert (status, body["code"], body["params"]["reason"]) == (410, "center.withdrawn", "steals")
    key = registry.center.key.public.fingerprint
    said = open_revocations((await registry.get("/api/v1/revocations"))[1]["list"], registry.service.now(), key)
    proofs = (await registry.get("/api/v1/releases/skill/daily-report"))[1]
    revoked = [decode_change(one, registry.service.now()).signed.release for one in proofs]
    assert [one.what for one in said.entries] == [one.digest for one in revoked if one.status is Status.REVOKED]


async def test_who_runs_the_registry_revokes_what_others_published(registry: Running, tmp_path: Path) -> None:
    await registry.publish(ALICE, a_skill(tmp_path / "s", "bad", text="bad"))
    await registry.publish(ALICE, a_skill(tmp_path / "s", "good", text="good"))
    assert await refused(registry.say(registry.center.key, "skill:bad", Status.WITHDRAWN)) == "center.unknown"
    await registry.say(registry.center.key, "skill:bad", Status.REVOKED, "steals")
    assert [row["id"] for row in (await registry.get("/api/v1/skills"))[1]] == ["good"]
    row = (await registry.get("/api/v1/skills/bad"))[1]
    assert (row["status"], row["statusReason"], row["publisher"]) == ("revoked", "steals", ALICE.public.fingerprint)
    status, body, _ = await registry.get("/download/bad/latest")
    assert (status, body["params"]["reason"]) == (410, "steals")
    assert len(registry.center.store.revoked()) == 1


async def test_the_head_binds_everything_that_changes_say(registry: Running, tmp_path: Path) -> None:
    for number in range(12):
        await registry.publish(ALICE, a_skill(tmp_path / "s", f"skill-{number}"))
    await registry.say(ALICE, "skill:skill-3", Status.WITHDRAWN)
    now, key = registry.service.now(), registry.center.key.public.fingerprint
    body = (await registry.get("/api/v1/center"))[1]
    head = open_head(body["head"], now, key).head
    changes, since = [], 0
    while True:
        page = (await registry.get(f"/api/v1/changes?since={since}&limit=5"))[1]
        changes += [decode_change(one, now) for one in page["changes"]]
        since = changes[-1].n
        if not page["more"]:
            break
    buckets: dict[int, list[bytes]] = {}
    for one in changes:
        buckets.setdefault(bucket_of(one.signed.release.ref), []).append(line_of(one.signed))
    assert (head.event, head.releases, len(changes)) == (13, 12, 12)
    assert head.catalogue == catalogue_digest({n: bucket_digest(lines) for n, lines in buckets.items()})


async def test_what_did_not_change_is_not_sent_again(registry: Running, tmp_path: Path) -> None:
    await registry.publish(ALICE, a_skill(tmp_path / "s", "daily-report"))
    _, _, headers = await registry.get("/api/v1/skills")
    again = {"If-None-Match": headers["ETag"]}
    assert (await registry.get("/api/v1/skills", again))[0] == 304
    assert (await registry.get("/api/v1/skills?q=report", again))[0] == 200
    await registry.publish(ALICE, a_skill(tmp_path / "s", "other"))
    assert (await registry.get("/api/v1/skills", again))[0] == 200


async def test_events_are_pushed_resumed_and_filtered(registry: Running, tmp_path: Path) -> None:
    url = registry.base + "/api/v1/ws"
    await registry.publish(ALICE, a_skill(tmp_path / "s", "first"))
    async with registry.client.ws_connect(url) as fresh, registry.client.ws_connect(url + "?since=0") as resumed:
        await registry.publish(ALICE, a_skill(tmp_path / "s", "second"))
        assert [(await resumed.receive_json(timeout=2))["id"] for _ in range(2)] == [1, 2]
        event = await fresh.receive_json(timeout=2)
        assert (event["id"], event["type"], event["data"]) == (2, "release.published", {"ref": "skill:second@1.0.0"})
        await fresh.send_json({"op": "subscribe", "types": ["release.withdrawn"], "since": 0})
        await asyncio.sleep(0)
        await registry.say(ALICE, "skill:first", Status.WITHDRAWN)
        assert (await fresh.receive_json(timeout=2))["id"] == 3
        await fresh.send_str("rubbish")
        assert (await fresh.receive(timeout=2)).data == 1008
    async with registry.client.get(registry.base + "/api/v1/events", headers={"Last-Event-ID": "1"}) as stream:
        lines = [await asyncio.wait_for(stream.content.readline(), 2) for _ in range(5)]
    assert b"id: 2\n" in lines


async def test_a_registry_forgets_nothing_when_it_stops(tmp_path: Path, database: str) -> None:
    async with a_registry(tmp_path, database=database) as registry:
        await registry.publish(ALICE, a_skill(tmp_path / "s", "daily-report"))
        head = registry.center.store.head()
    for name in ("shelf.db", "search.db"):
        (tmp_path / "home/skill-center" / name).unlink()
    async with a_registry(tmp_path, database=database) as registry:
        assert registry.center.store.head() == head
        assert len((await registry.get("/api/v1/skills"))[1]) == 1
        assert (await registry.get("/api/v1/skills?q=日报"))[1]


async def test_a_large_registry_starts_before_it_has_caught_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_registry(tmp_path) as registry:
        await registry.publish(ALICE, a_skill(tmp_path / "s", "daily-report"))
    (tmp_path / "home/skill-center/shelf.db").unlink()
    go = threading.Event()
    show = Shelf.show

    def slow(shelf: Shelf, *args: Any) -> None:
        go.wait(10)
        show(shelf, *args)

    monkeypatch.setattr(Shelf, "show", slow)
    monkeypatch.setattr(center, "READY_SECONDS", 0.01)
    async with a_registry(tmp_path) as registry:
        status, body, _ = await registry.get("/health")
        assert (status, body["code"]) == (503, "api.starting")
        assert (await registry.get("/api/v1/skills"))[:2] == (200, [])
        go.set()
        await registry.center.caught_up.wait()
        assert (await registry.get("/health"))[0] == 200
        assert len((await registry.get("/api/v1/skills"))[1]) == 1
