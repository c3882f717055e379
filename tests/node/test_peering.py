"""What is shared with everyone is told one by one: CAP_SHARE with scope and end, SCENE_CREATE with what it needs."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from node import config
from node.keys import node_key
from node.offering import Offering
from node.paths import Paths
from node.peering import AGAIN_SECONDS, Peering
from node.service import Service
from node.sharing import Share, add_share, stop_share
from protocol.lan_text import CapShare, SceneCreate
from protocol.refs import parse_ref
from tests.fakes.virtual_time import run_virtual

CATALOGUE = Path(__file__).resolve().parents[2] / "scenarios" / "catalogue"
CAP, SCENE, OURS = parse_ref("cap:text-summarize"), parse_ref("scene:text-desk"), parse_ref("cap:report-write")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    shutil.copytree(CATALOGUE, tmp_path / "catalogue")
    paths = Paths(tmp_path / "home")
    paths.ensure()
    paths.config.write_text(
        f"sources: {{local_fs: {{folders: ['{tmp_path}/catalogue'], agent_folders: false}}}}\npeer: {{enabled: false}}\n"
    )
    service = Service(paths, config.load(paths, environ={}))
    asyncio.run(service.scan(lambda event: None, ["local_fs"]))
    yield service
    service.close()


class FakeVoice:
    """A beacon's provider that writes down what is said to all."""

    def __init__(self) -> None:
        self.beacon: object | None = None
        self.said: list[Any] = []

    def say(self, message: Any, to: object = None) -> None:
        assert to is None
        self.said.append(message)

    def offer(self) -> None:
        """What is announced changed."""


async def read(work: Callable[[], Any]) -> Any:
    return work()


def test_shares_are_told_when_they_are_new_and_now_and_then(service: Service) -> None:
    voice, now = FakeVoice(), service.now()
    lan = service.ports.lan
    lan.provider = voice  # type: ignore[assignment]
    desk: Any = SimpleNamespace(service=service, offers=Offering(service), read=read, peer_base="")
    add_share(service.paths, Share(CAP, until=now + 7_200), now)
    add_share(service.paths, Share(OURS, "paired"), now)

    async def story() -> None:
        task = asyncio.create_task(Peering(desk, lambda error: pytest.fail(str(error))).run())
        await asyncio.sleep(1.5)
        assert voice.said == []  # nobody could hear it yet
        voice.beacon = object()
        await asyncio.sleep(1.5)
        (share,) = voice.said
        assert isinstance(share, CapShare) and share.agent_id == node_key(service.paths).public.agent_id
        assert (share.cap_id, share.share_scope, share.permissions) == ("text-summarize", "everyone", ("install",))
        assert share.expire_time == int((now + 7_200) * 1000) and share.timestamp
        add_share(service.paths, Share(SCENE), now)
        await asyncio.sleep(1.5)
        scene = voice.said[-1]
        assert len(voice.said) == 2 and isinstance(scene, SceneCreate) and scene.scene_id == "text-desk"
        assert scene.scene_name and "text-summarize" in scene.required_caps and scene.invite_list == ()
        await asyncio.sleep(AGAIN_SECONDS)
        assert len(voice.said) == 4, "whoever came later hears it too"
        stop_share(service.paths, CAP, now)
        await asyncio.sleep(AGAIN_SECONDS + 1)
        assert len(voice.said) == 5 and isinstance(voice.said[-1], SceneCreate)
        task.cancel()

    run_virtual(story())
