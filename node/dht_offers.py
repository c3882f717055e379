"""What of this home the DHT may carry: what the ledger shares with everyone, as pointers to the peer plane.

Nothing is published that the user did not share with everyone by name; the bytes stay here, and whoever wants them asks the
peer plane by digest.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from node.install.store import Store
from node.io.interfaces import list_interfaces
from node.offering import bytes_of
from node.service import Service
from node.sharing import EVERYONE, INSTALL, read_shares
from protocol import limits
from protocol.dht.record import TITLE_GAP, Pointer
from protocol.items import Item


def offers_of(service: Service) -> list[Pointer]:
    """Blocking. Raises StorageError `share.damaged`."""
    places = peer_places(service.ports.lan.tcp_port, service.config.settings.peer.host)
    store = Store(service.paths.home)
    now = service.now()
    shares = [share for share in read_shares(service.paths) if share.audience == EVERYONE and share.holds(now)]
    found = []
    for share in shares[: limits.DHT_PUBLISHED]:
        entry = service.entry(share.ref.kind, share.ref.id)
        if entry is None:
            continue
        whole = share.may == INSTALL and bool(bytes_of(entry, service, store))
        item = entry.item
        found.append(
            Pointer(
                share.ref.any_version,
                item.version[: limits.DHT_VERSION_CHARS],
                entry.chosen.digest if whole else "",
                entry.chosen.claims[0].sighting.size if whole else 0,
                places,
                title_of(item),
                tuple(tag[: limits.DHT_TAG_CHARS] for tag in item.tags[: limits.DHT_TAGS]),
            )
        )
    return found


def title_of(item: Item) -> str:
    """Name and the beginning of the description, so that words of both are found."""
    text = f"{item.name}{TITLE_GAP}{' '.join(item.description.split())}" if item.description else item.name
    return text[: limits.DHT_TITLE_CHARS]


def peer_places(port: int, host: str = "") -> tuple[str, ...]:
    """Where the peer plane on `port` can be reached: on `host`, or on every interface where it listens to all. None while it is
    closed."""
    if not port:
        return ()
    everywhere = host in {"", "0.0.0.0", "::"}  # noqa: S104 - compared, not listened on
    addresses = [each.ip for each in list_interfaces()] if everywhere else [host]
    return tuple(_urls(addresses, port))[: limits.DHT_PLACES]


def _urls(addresses: Sequence[str], port: int) -> list[str]:
    found = []
    for text in addresses:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            continue  # a name says nothing to strangers
        if not address.is_link_local:
            found.append(f"http://[{text}]:{port}" if address.version == 6 else f"http://{text}:{port}")
    return found
