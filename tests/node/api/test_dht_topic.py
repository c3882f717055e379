"""The DHT over the API: the way of a question through real nodes on loopback, and how this node stands among them."""

from __future__ import annotations

from pathlib import Path

from tests.node.api.running import Running
from tests.node.test_dht import OFFER, PDF, town


async def test_a_question_shows_its_way_and_the_node_its_contacts(node: Running, tmp_path: Path) -> None:
    async with town(tmp_path / "town", 6, OFFER) as place:
        section = "sources.dht_kademlia"
        wish = {
            f"{section}.bootstrap": [f"127.0.0.1:{place.seed_port}"],
            f"{section}.listen": ["127.0.0.1"],
            f"{section}.port": 0,
        }
        assert (await node.call("PATCH", "/api/v1/config", {"settings": wish}))[0] == 200
        assert (await node.get("/api/v1/dht"))[1]["running"] is False
        status, way, _ = await node.call("POST", "/api/v1/dht/trace", {"ref": str(PDF)})
        assert status == 200, way
        asked = [step for step in way["steps"] if step["event"] == "answered"]
        ends = [step for step in way["steps"] if step["event"] == "ended"]
        assert asked and all(len(step["id"]) == 40 for step in asked) and sum(step["records"] for step in asked)
        assert ends and ends[-1]["answered"] and len(way["target"]) == len(way["own"]) == 40
        service = node.desk.service
        async with service.ports.dht.session(service.config.sources["dht_kademlia"], serve=True):
            _, said = await node.get("/api/v1/dht")
            assert said["running"] and len(said["contacts"]) >= 3 and said["own"] and said["nodes_estimated"] >= 3
