"""`dht`: look into the DHT by hand - for people who debug."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import click

from node.cli.main import common_options
from node.cli.screen import show
from node.cli.session import Session
from node.dht_view import contacts, joined, standing, trace
from protocol.dht.messages import Place
from protocol.dht.reading import find_nodes, get, listing
from protocol.dht.record import Pointer, SignedPointer, asked_words, name_key, open_pointer, sign_pointer
from protocol.dht.writing import publish
from protocol.errors import NotFoundError
from protocol.refs import KIND_OF_PREFIX, parse_ref

if TYPE_CHECKING:
    from node.dht import LiveNode


@click.group("dht")
def dht_command() -> None:
    """Look into the DHT by hand: status, get, put, peers, trace."""


@dht_command.command("status")
@common_options
@click.pass_obj
def dht_status(session: Session) -> None:
    """Join, and say how it went: contacts, size of the network, what is remembered."""

    async def look(live: LiveNode) -> dict[str, Any]:
        return {**standing(live), **_remembered(session)}

    body = _join(session, look)
    if session.screen.as_json:
        session.screen.answer(body)
        return
    session.screen.data(session.say("dht.joined", contacts=body["contacts"], nodes=body["nodes_estimated"]))
    session.screen.data(session.say("dht.kept", records=body["kept_records"], contacts=body["kept_contacts"]))


@dht_command.command("peers")
@common_options
@click.pass_obj
def dht_peers(session: Session) -> None:
    """Join, look around, and list the contacts of the routing table, nearest first."""

    async def look(live: LiveNode) -> list[dict[str, Any]]:
        machine = live.machine
        await live.do(find_nodes(machine, machine.own.id.to_bytes(20, "big"), careful=True))
        return contacts(live)

    rows = _join(session, look)
    if session.screen.as_json:
        session.screen.answer({"peers": rows})
        return
    for row in rows:
        session.screen.data(f"{row['id'][:16]}  {show(row['ip'])}:{row['port']}")


@dht_command.command("get")
@click.argument("ref")
@click.option("--word", default="", metavar="WORD", help="List by this word instead; REF is then KIND:*.")
@click.option("--quick", is_flag=True, help="Believe the first two nodes that agree.")
@click.option("-n", "--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@common_options
@click.pass_obj
def dht_get(session: Session, ref: str, word: str, quick: bool, limit: int) -> None:
    """What publishers say about REF, or everything of a kind (KIND:*), signatures verified."""
    prefix, _, rest = ref.partition(":")
    asked = 0

    async def look(live: LiveNode) -> list[SignedPointer]:
        nonlocal asked
        if rest == "*" or word or rest.endswith("*"):
            if prefix not in KIND_OF_PREFIX:
                parse_ref(ref)
            words = asked_words(word or rest) or ("*",)
            found = await live.do(
                listing(live.machine, KIND_OF_PREFIX[prefix], words[0], careful=not quick, most=limit)
            )
            asked = found.asked
            return [signed for signed in found.records.values() if not signed.pointer.gone]
        reading = await live.do(get(live.machine, name_key(parse_ref(ref)), Place(), careful=not quick))
        asked = reading.asked
        return reading.live

    rows = [_row(signed) for signed in _join(session, look)]
    if session.screen.as_json:
        session.screen.answer({"records": rows, "asked": asked})
    elif not rows:
        raise NotFoundError("dht.not_found", ref=ref, asked=asked)
    else:
        heads = ("ref", "version", "publisher", "expires", "bytes", "places")
        session.screen.table(
            heads,
            [
                (
                    show(row["ref"]),
                    show(row["version"]),
                    row["publisher"][:11],
                    session.speaker.age(max(0.0, row["expires_at"] - time.time())),
                    str(row["size"]),
                    show(" ".join(row["places"])),
                )
                for row in rows
            ],
            styles={},
        )


@dht_command.command("put")
@click.argument("ref")
@click.option("--item-version", "version", default="", metavar="VERSION", help="Version of the item.")
@click.option("--digest", default="", metavar="SHA256", help="sha256:... of the tree.")
@click.option("--size", type=click.IntRange(0), default=0, metavar="BYTES")
@click.option("--place", "places", multiple=True, metavar="URL", help="Where it can be fetched; may be repeated.")
@click.option("--title", default="", metavar="TEXT", help="What people read.")
@click.option("--tag", "tags", multiple=True, metavar="WORD", help="May be repeated.")
@click.option("--hours", type=click.FloatRange(1, 192), default=48.0, show_default=True)
@click.option("--withdraw", is_flag=True, help="Publish a tombstone instead.")
@common_options
@click.pass_obj
def dht_put(session: Session, /, ref: str, hours: float, withdraw: bool, **facts: Any) -> None:
    """Publish a record about REF, signed by this node's key. It is public from then on; --withdraw takes it back."""
    from node.keys import node_key

    pointer = Pointer(parse_ref(ref).any_version, gone=withdraw, **facts)
    wall = time.time()
    raw = sign_pointer(node_key(session.paths), pointer, seq=int(wall * 1000), issued=wall, life=hours * 3600)

    async def write(live: LiveNode) -> dict[str, Any]:
        report = await live.do(publish(live.machine, [open_pointer(raw, wall)]))
        return {"replicas": report.replicas, "lookups": report.lookups, "bytes": len(raw)}

    body = _join(session, write)
    if session.screen.as_json:
        session.screen.answer({"ref": str(pointer.ref), **body})
        return
    session.screen.data(session.say("dht.stored", ref=str(pointer.ref), n=body["replicas"]))


@dht_command.command("trace")
@click.argument("ref")
@common_options
@click.pass_obj
def dht_trace(session: Session, ref: str) -> None:
    """Look for REF and show every question: path, hops, node, what it knew, how long it took."""
    target = parse_ref(ref)

    async def look(live: LiveNode) -> list[dict[str, Any]]:
        return await trace(live, target)

    rows = _join(session, look)
    if session.screen.as_json:
        session.screen.answer({"ref": str(target), "trace": rows})
        return
    for row in rows:
        if row["event"] == "ended":
            session.screen.data(
                session.say("dht.ended", asked=row["asked"], answered=row["answered"], ms=f"{row['ms']:.1f}")
            )
        else:
            mark = "✓" if row["ok"] else "✗"
            knew = f"{row['contacts']} / {row['records']}"
            session.screen.data(
                f"{mark} {row['path']}.{row['hops']}  {row['id'][:12]}  {show(row['ip'])}:{row['port']}  {knew}  {row['ms']:.1f} ms"
            )


def _join(session: Session, look: Callable[[LiveNode], Awaitable[Any]]) -> Any:
    """Join as a client, do one thing, leave. Raises UnavailableError `dht.no_bootstrap` or `dht.unreachable`."""

    async def run() -> Any:
        async with joined(session.service) as live:
            return await look(live)

    return asyncio.run(run())


def _remembered(session: Session) -> dict[str, Any]:
    from node.dht_state import DhtState

    path = session.service.ports.dht.path
    if not path.exists():
        return {"kept_contacts": 0, "kept_records": 0, "published": []}
    state = DhtState(path)
    try:
        return {
            "kept_contacts": len(state.contacts()),
            "kept_records": len(state.records()),
            "published": sorted(state.published()),
        }
    finally:
        state.close()


def _row(signed: SignedPointer) -> dict[str, Any]:
    pointer, record = signed.pointer, signed.record
    return {
        "ref": str(pointer.ref),
        "version": pointer.version,
        "publisher": record.key.principal,
        "digest": pointer.digest,
        "size": pointer.size,
        "places": list(pointer.places),
        "title": pointer.title,
        "tags": list(pointer.tags),
        "seq": record.seq,
        "issued_at": record.issued_ms / 1000,
        "expires_at": record.expires_at,
    }
