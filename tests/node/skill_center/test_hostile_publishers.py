"""Strangers at the door of a SkillCenter: rubbish is refused with a code, never a defect, and costs nothing that stays."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from node.skill_center.publishing import prepared
from protocol.items import Status
from protocol.skill_center.order import Act, Order, sign_order
from protocol.skill_center.release import Release, open_release, sign_release
from tests.node.skill_center.registries import ALICE, Running, a_registry, a_skill


async def post(registry: Running, headers: dict[str, str], body: bytes) -> tuple[int, str]:
    async with registry.client.post(registry.base + "/api/v1/releases", data=body, headers=headers) as answer:
        text = await answer.text()
        return answer.status, str(json.loads(text).get("code", ""))


async def test_random_heads_and_bodies_are_refused(tmp_path: Path) -> None:
    random = Random(3)
    async with a_registry(tmp_path) as registry:
        now, here = registry.service.now(), registry.center.key.public.agent_id
        with prepared(a_skill(tmp_path / "s", "daily-report")) as ready:
            release = ready.release
            body = ready.text.encode() + ready.path.read_bytes()
        record = sign_release(ALICE, release, 1, now)
        order = sign_order(ALICE, Order(Act.PUBLISH, here, open_release(record, now).digest), now)
        good = {"Ooder-Order": order, "Ooder-Release": record, "Ooder-Item": str(len(ready.text.encode()))}
        letters = "ABCDEFabcdef0123456789-_ =\u00e4"
        for _ in range(150):
            headers = dict(good)
            for name in random.sample(sorted(headers), random.randint(1, 3)):
                text = list(headers[name])
                for _ in range(random.randint(1, 4)):
                    text[random.randrange(len(text))] = random.choice(letters)
                headers[name] = "".join(text[: random.randint(0, len(text))])
            status, code = await post(registry, headers, body[: random.randint(0, len(body))])
            assert 400 <= status < 500 and code and code != "node.defect", (status, code, headers)
        assert (await registry.get("/api/v1/skills"))[1] == []
        assert not [one for one in (tmp_path / "home/skill-center/packages").rglob("*") if one.is_file()]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"digest": "sha256:" + "0" * 64}, "center.wrong_tree"),
        ({"files": 3}, "center.wrong_tree"),
        ({"item": "0" * 64}, "center.other_item"),
        ({"package": "0" * 64}, "center.wrong_package"),
        ({"size": 5}, "center.wrong_length"),
        ({"status": Status.DEPRECATED}, "center.wrong_act"),
    ],
)
async def test_a_record_that_does_not_fit_its_package_is_refused(
    tmp_path: Path, change: dict[str, object], code: str
) -> None:
    async with a_registry(tmp_path) as registry:
        now, here = registry.service.now(), registry.center.key.public.agent_id
        with prepared(a_skill(tmp_path / "s", "daily-report")) as ready:
            item, package = ready.text.encode(), ready.path.read_bytes()
            values = {name: getattr(ready.release, name) for name in Release.__dataclass_fields__}
        record = sign_release(ALICE, Release(**{**values, **change}), 1, now)  # type: ignore[arg-type]
        order = sign_order(ALICE, Order(Act.PUBLISH, here, open_release(record, now).digest), now)
        headers = {"Ooder-Order": order, "Ooder-Release": record, "Ooder-Item": str(len(item))}
        assert (await post(registry, headers, item + package))[1] == code


async def test_who_asks_too_fast_waits_and_others_do_not(tmp_path: Path) -> None:
    async with a_registry(tmp_path, rate=5) as registry:
        answers = await asyncio.gather(*(registry.get("/api/v1/skills") for _ in range(40)))
        limited = [one for one in answers if one[0] == 429]
        assert 10 < len(limited) < 35
        assert limited[0][1]["code"] == "api.too_fast" and int(limited[0][2]["Retry-After"]) >= 1


async def test_behind_a_proxy_each_client_has_its_own_rate(tmp_path: Path) -> None:
    async with a_registry(tmp_path, rate=2) as registry:

        async def asked(who: str, times: int = 30) -> list[int]:
            said = {"X-Forwarded-For": f"6.6.6.6, {who}"}
            return [(await registry.get("/api/v1/skills", said))[0] for _ in range(times)]

        assert 429 in await asked("192.0.2.7")
        assert await asked("192.0.2.8", 1) == [429]  # nobody is believed before the settings say so
        settings = registry.service.config.settings
        settings = settings.model_copy(update={"peer": settings.peer.model_copy(update={"proxies": ("127.0.0.1",)})})
        registry.service.use(replace(registry.service.config, settings=settings))
        assert 429 in await asked("192.0.2.7")
        assert await asked("192.0.2.8", 1) == [200]


async def test_a_drip_ends_and_a_flood_of_uploads_is_turned_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from protocol import limits

    monkeypatch.setattr(limits, "CENTER_UPLOAD_SECONDS", 0.3)
    async with a_registry(tmp_path) as registry:
        now, here = registry.service.now(), registry.center.key.public.agent_id
        heads = []
        for number in range(limits.CENTER_UPLOADS + 3):
            with prepared(a_skill(tmp_path / "s", f"skill-{number}")) as ready:
                record = sign_release(ALICE, ready.release, 1, now)
                order = sign_order(ALICE, Order(Act.PUBLISH, here, open_release(record, now).digest), now)
                heads.append({"Ooder-Order": order, "Ooder-Release": record, "Ooder-Item": "20"})

        async def drip(headers: dict[str, str]) -> tuple[int, str]:
            async def body() -> object:
                for _ in range(100):
                    yield b"x"
                    await asyncio.sleep(0.05)

            async with registry.client.post(registry.base + "/api/v1/releases", data=body(), headers=headers) as answer:
                return answer.status, str(json.loads(await answer.text())["code"])

        said = await asyncio.gather(*(drip(head) for head in heads))
        assert sorted(said)[0] == (408, "api.too_slow")
        assert sum(one == (503, "api.busy") for one in said) == 3
