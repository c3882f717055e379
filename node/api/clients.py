"""Whom a request of the peer plane is counted for."""

from __future__ import annotations

from aiohttp import web

from node.api.desk import Desk
from protocol.http.addresses import read_networks
from protocol.http.forwarded import client_address


def client_of(request: web.BaseRequest, desk: Desk) -> str:
    """The address who asks from, before the proxies that `peer.proxies` names."""
    proxies, remote = desk.service.config.settings.peer.proxies, request.remote or ""
    if not proxies:
        return remote
    return client_address(remote, request.headers.getall("X-Forwarded-For", ()), read_networks(proxies))
