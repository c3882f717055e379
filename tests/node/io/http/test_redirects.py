"""Every step a redirect may and may not take."""

from __future__ import annotations

import itertools

import pytest

from node.io.http.redirects import Trail
from protocol import limits
from protocol.errors import OoderError
from protocol.http.addresses import Guard
from protocol.http.exchange import HttpRequest, read_target

GUARD = Guard(hosts=frozenset({"own.example:8443", "own.example:80", "plain.example:80"}))
STARTS = ("https://own.example:8443/a", "https://public.example/a", "http://plain.example/a")
STEPS = {
    "/b": True,
    "b?c=1": True,
    "//other.example/x": None,  # keeps the scheme: good over https only
    "https://other.example/x": True,
    "https://own.example:8443/x": True,
    "https://other.example:22/x": False,
    "https://other.example:8443/x": False,
    "http://other.example/x": False,
    "ftp://other.example/": False,
    "file:///etc/passwd": False,
    "javascript:alert(1)": False,
    "https://u:p@other.example/": False,
    "https://[": False,
    "": False,
}


@pytest.mark.parametrize(("start", "step"), list(itertools.product(STARTS, STEPS)))
def test_one_step(start: str, step: str) -> None:
    wanted = STEPS[step]
    if wanted is None:
        wanted = start.startswith("https:")
    try:
        target = Trail(read_target(start), GUARD).follow(HttpRequest(start), step)
    except OoderError as error:
        assert not wanted, (start, step)
        assert error.code == "http.redirected_away"
    else:
        assert wanted, (start, step)
        assert target.is_protected or target.host == "plain.example"


def test_from_protected_to_plain_is_refused_even_where_plain_is_configured() -> None:
    with pytest.raises(OoderError, match="https to http"):
        Trail(read_target(STARTS[0]), GUARD).follow(HttpRequest(STARTS[0]), "http://own.example/x")


def test_few_and_never_in_a_circle() -> None:
    trail = Trail(read_target(STARTS[1]), GUARD)
    request = HttpRequest(STARTS[1])
    with pytest.raises(OoderError, match="loop"):
        trail.follow(request, "/a")
    for at in range(limits.HTTP_REDIRECTS):
        trail.follow(request, f"/{at}")
    with pytest.raises(OoderError, match="more than"):
        trail.follow(request, "/far")
