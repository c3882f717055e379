"""Paths of the interface (WIRE 3.6), relative to the address of a registry. The same for who serves and who asks."""

from __future__ import annotations

from typing import Final

from protocol.refs import Kind

HEALTH: Final = "/health"
API: Final = "/api/v1"
DOWNLOAD: Final = "/download"  # /{id}/{version or latest}[?kind=scene|cap|skill|agent]
CATEGORIES: Final = f"{API}/categories"

HEAD: Final = f"{API}/center"  # signed head, and who signs
CHANGES: Final = f"{API}/changes"  # ?since=N&limit=M
REVOCATIONS: Final = f"{API}/revocations"
RELEASES: Final = f"{API}/releases"  # POST publishes; /{kind}/{id} lists every version with its proof
SOCKET: Final = f"{API}/ws"
SOCKET_ALIAS: Final = "/ws"
EVENTS: Final = f"{API}/events"

ORDER_HEADER: Final = "Ooder-Order"
RELEASE_HEADER: Final = "Ooder-Release"
ITEM_HEADER: Final = (
    "Ooder-Item"  # length in bytes of the item's JSON text, which stands before the package in the body
)
PACKAGE_TYPE: Final = "application/vnd.ooder.release"

PLURALS: Final = {Kind.SKILL: "skills", Kind.SCENE: "scenes", Kind.CAPABILITY: "caps", Kind.AGENT: "agents"}
KIND_OF_PLURAL: Final = {plural: kind for kind, plural in PLURALS.items()}


def list_path(kind: Kind) -> str:
    """Where rows of one kind are listed.

    >>> list_path(Kind.CAPABILITY)
    '/api/v1/caps'
    """
    return f"{API}/{PLURALS[kind]}"


def item_path(kind: Kind, id_: str) -> str:
    """Where one row is."""
    return f"{API}/{PLURALS[kind]}/{id_}"


def releases_path(kind: Kind, id_: str) -> str:
    """Where every version of one item is, with its proof."""
    return f"{RELEASES}/{kind.prefix}/{id_}"


def download_path(kind: Kind, id_: str, version: str) -> str:
    """Where the package is. The guide's address knows skills only, so other kinds are named in the query.

    >>> download_path(Kind.SKILL, "a", "1.0"), download_path(Kind.SCENE, "b", "latest")
    ('/download/a/1.0', '/download/b/latest?kind=scene')
    """
    return f"{DOWNLOAD}/{id_}/{version}" + ("" if kind is Kind.SKILL else f"?kind={kind.prefix}")
