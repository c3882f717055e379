"""Single looks, without a daemon, at a device that vanishes between them: the real command line and a real node, over mDNS only."""

from __future__ import annotations

from signal import SIGKILL
from typing import Any

import pytest

from protocol.identity import agent_id_of
from scenarios.netns import why_not
from scenarios.topology import Machine, Topology
from scenarios.world_here import HereWorld

MDNS_ONLY: dict[str, Any] = {"sources": {"udp_broadcast": {"enabled": False}}, "api": {"enabled": False}}
HALL = Topology(
    about="Somebody who looks now and then, and a device.",
    lans={"hall": "10.77.1.0/24"},
    nodes={
        "device": Machine(lan="hall", settings={**MDNS_ONLY, "peer": {"enabled": True}}),
        "me": Machine(lan="hall", settings=MDNS_ONLY, late=True),
    },
)


@pytest.mark.netns
@pytest.mark.slow
@pytest.mark.skipif(bool(why_not()), reason=why_not() or "netns")
def test_the_second_look_shows_a_vanished_device_as_not_fresh_and_why() -> None:
    with HereWorld(HALL) as world:
        assert world.ooder("me", "scan", "--source", "mdns_dns_sd")["counts"]["agents"] == 1
        world.signal("device", SIGKILL)
        assert world.ooder("me", "scan", "--source", "mdns_dns_sd")["counts"]["agents"] == 1  # not fresh, not forgotten
        shown = world.python("me", "node", "show", f"agent:{agent_id_of(world.key('device'))}").stdout
        assert "stale" in shown and "answers no question" in shown
