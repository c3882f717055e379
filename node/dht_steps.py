"""One lookup in the DHT as a stream of events, as JSON, for whoever draws or follows it.

Events come, in the order in which they happened:

| event | says |
|---|---|
| `asked` | lookup number, its target, the node (id, ip, port), the disjoint path, how many answers led there, ms since the lookup began |
| `answered` | the same node: whether it did (`ok`), in how many ms, how many contacts and records it named |
| `found` | a verified record: ref, version, publisher, age in seconds, and the node it came from |
| `ended` | nodes asked and answered, hops to the nearest, ms of the whole lookup |
| `joined`, `left` | a node that proved its key came into the table, or was silent twice |
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from node.dht import LiveNode
from protocol import limits
from protocol.dht.contacts import Contact
from protocol.dht.events import Answered, Asked, ContactJoined, Ended, Event, RecordFound
from protocol.dht.messages import Place
from protocol.dht.reading import get
from protocol.dht.record import name_key
from protocol.refs import Ref


class Tracer:
    """Turns events into JSON objects; remembers who was asked by lookups that have not ended."""

    def __init__(self) -> None:
        self._began: dict[int, float] = {}
        self._asked: dict[tuple[int, Contact], Asked] = {}

    def body(self, event: Event) -> dict[str, Any]:
        """One event."""
        if isinstance(event, Asked):
            return self._body_of_question(event)
        if isinstance(event, Answered):
            asked = self._asked.pop((event.lookup, event.contact), None)
            return {
                "event": "answered",
                "lookup": event.lookup,
                **contact_body(event.contact),
                "path": asked.path if asked else 0,
                "hops": asked.hops if asked else 0,
                "ok": event.ok,
                "ms": round(event.seconds * 1000, 3),
                "contacts": event.contacts,
                "records": event.records,
            }
        if isinstance(event, Ended):
            self._began.pop(event.lookup, None)
            return {
                "event": "ended",
                "lookup": event.lookup,
                "target": f"{event.target:040x}",
                "asked": event.asked,
                "answered": event.answered,
                "hops": event.hops,
                "ms": round(event.seconds * 1000, 3),
            }
        if isinstance(event, RecordFound):
            return {"event": "found", **record_body(event), "from": f"{event.contact.id:040x}"}
        return {"event": "joined" if isinstance(event, ContactJoined) else "left", **contact_body(event.contact)}

    def _body_of_question(self, event: Asked) -> dict[str, Any]:
        began = self._began.setdefault(event.lookup, event.at)
        if len(self._asked) < limits.DHT_EVENTS:
            self._asked[event.lookup, event.contact] = event
        return {
            "event": "asked",
            "lookup": event.lookup,
            "target": f"{event.target:040x}",
            **contact_body(event.contact),
            "path": event.path,
            "hops": event.hops,
            "ms": round((event.at - began) * 1000, 3),
        }


def contact_body(contact: Contact) -> dict[str, Any]:
    """Who and where."""
    return {"id": f"{contact.id:040x}", "ip": contact.ip, "port": contact.port}


def record_body(found: RecordFound) -> dict[str, Any]:
    """What was said, by whom, how long ago."""
    pointer, record = found.signed.pointer, found.signed.record
    return {
        "ref": str(pointer.ref),
        "version": pointer.version,
        "publisher": record.key.principal,
        "size": pointer.size,
        "age": round(found.age, 1),
    }


async def follow(live: LiveNode, ref: Ref, tell: Callable[[Event], None]) -> None:
    """Look for `ref` carefully; `tell` is called with the steps of this lookup, and with who comes and goes meanwhile."""
    own = live.machine.counts["lookups"] + 1

    def hear(event: Event) -> None:
        if getattr(event, "lookup", own) == own:
            tell(event)

    with live.server.watch(hear):
        await live.do(get(live.machine, name_key(ref), Place(), careful=True))
