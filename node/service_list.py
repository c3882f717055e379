"""Services of the local network as people see them: what mDNS heard, as claimed, with every property made safe to show."""

from __future__ import annotations

from typing import Any

from node.lan import Lan
from protocol import limits
from protocol.display import display
from protocol.dnssd import SKILL_SERVICE, decode_txt

PROPERTIES = 32  # of one service that are shown


def describe_services(lan: Lan) -> list[dict[str, Any]]:
    """Every service that is heard now, by name. `ref` is the item it became, "" when it names nobody."""
    found = lan.services.heard() if lan.services is not None else ()
    rows = []
    for one in found:
        txt = decode_txt(one.txt)
        kind = "skill" if one.type == SKILL_SERVICE else "agent"
        rows.append(
            {
                "name": display(one.name, limits.NAME_CHARS),
                "type": display(one.type, limits.NAME_CHARS),
                "kind": kind,
                "ref": f"{kind}:{txt.agent_id}" if txt is not None and txt.agent_id else "",
                "addresses": list(one.addresses[: limits.LIST_ENTRIES]),
                "port": one.port,
                "capabilities": len(txt.capabilities) if txt else 0,
                "scenes": len(txt.scenes) if txt else 0,
                "why": [why] if lan.services is not None and (why := lan.services.why(one.name)) else [],
                "properties": {_word(key): _word(value or b"") for key, value in list(one.txt.items())[:PROPERTIES]},
            }
        )
    return sorted(rows, key=lambda row: str(row["name"]))


def _word(data: bytes) -> str:
    return display(data.decode("utf-8", "replace"), limits.NAME_CHARS)
