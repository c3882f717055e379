"""What the sources `github` and `gitee` share: repositories on forges, found by name, by owner and by search (WIRE 3.7, SECURITY T9).

They trust nothing a forge says: answers are read within bounds, content is checked against its object id, and what it says speaks
for the numeric owner and repository ids it came from (`git:<host>#<owner id>/<repository id>`), pinned to a commit. A name that
leads to other ids is a new principal, and told. An unchanged repository costs one conditional request, or none when a list named it.
Several forges of one source fail alone; their allowances and pauses are shown on the source's light.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol

from protocol import limits
from protocol.errors import DataError, OoderError, UnavailableError
from protocol.git_rules import read_location
from protocol.http.exchange import HttpBounds
from protocol.items import Report, Survey
from protocol.query import Query
from protocol.refs import Kind
from sources.base import Emit
from sources.forge_client import ForgeClient
from sources.forge_look import Hosted
from sources.forge_repository import Tools, fetch_blobs
from sources.forge_server import Outcome, ServerLook
from sources.forge_settings import Config, ServerSettings, bounds_of
from sources.git_reading import Contents, Look, Repository
from sources.ports import Context, Git, GitBounds, Http
from sources.repository_reading import Delivered, deliver

__all__ = ["ForgeProvider", "Hosted", "Ports"]


class Ports(Protocol):
    """What these sources need of the node."""

    @property
    def context(self) -> Context: ...
    def git(self, bounds: GitBounds) -> Git: ...
    def http(self, bounds: HttpBounds) -> Http: ...


class ForgeProvider:
    """Base of the forge sources; each names itself."""

    name: ClassVar[str] = "forge"
    priority: ClassVar[int] = 60
    kinds: ClassVar[frozenset[Kind]] = frozenset({Kind.SCENE, Kind.CAPABILITY, Kind.SKILL})
    pushes: ClassVar[bool] = False
    delivers: ClassVar[bool] = True

    def __init__(self, config: Config, ports: Ports) -> None:
        self._config = config
        self._clock = ports.context.clock
        self._servers: list[tuple[ForgeClient, ServerSettings, Tools]] = [
            (
                ForgeClient(forge, ports.http(bounds_of(forge, settings)), self._clock),
                settings,
                Tools(self.name, config, ports.context, ports.git(GitBounds(ca_file=settings.ca_file))),
            )
            for forge, settings in config.places()
        ]
        self._remark: OoderError | None = None
        self._next = float("-inf")
        self._surveys: dict[str, Survey] = {}

    @property
    def clients(self) -> Sequence[ForgeClient]:
        """One for each forge: what was asked, what is left of the allowance."""
        return [client for client, _, _ in self._servers]

    def remark(self) -> OoderError | None:
        """Why the last look was not whole, for the light."""
        return self._remark

    def ask_at_once(self) -> None:
        """See `sources.base.Patient`."""
        self._next = float("-inf")

    async def run(self, emit: Emit) -> None:
        """Forges push nothing; scans ask them."""

    async def search(self, query: Query, emit: Emit) -> None:
        """Look at every forge once; with words in the query these are searched for. Raises the first failure if nothing worked.

        A look without words that comes sooner than `every` seconds after the last one only repeats what that one confirmed.
        """
        clock = self._clock
        if not query.text.strip():
            if clock.loop() < self._next:
                for survey in self._surveys.values():
                    emit(survey)
                return
            self._surveys.clear()

        def tell(report: Report) -> None:
            if isinstance(report, Survey):
                self._surveys[report.origin] = report
            emit(report)

        outcomes = []
        for client, settings, tools in self._servers:
            outcomes.append((client, await ServerLook(client, settings, tools, tell).run(query)))
        self._conclude(outcomes, clock.loop())

    def _conclude(self, outcomes: Sequence[tuple[ForgeClient, Outcome]], now: float) -> None:
        errors = [error for _, one in outcomes for error in _telling(one)]
        self._remark = errors[0] if errors else _low(outcomes)
        if errors and not any(one.good for _, one in outcomes):
            raise errors[0]
        if not errors and all(one.is_low for _, one in outcomes if one.waiting):
            self._next = now + self._config.every

    async def fetch_tree(self, location: str) -> list[Delivered]:
        """The files of the item at `location` by the API, with the keys of its forge: for repositories git cannot reach.

        Raises DataError `git.bad_location`, `forge.*`, what `deliver` raises, UnavailableError as the HTTP port.
        """
        url, commit, path = read_location(location, ("https", "http"))
        name = url.path.strip("/").removesuffix(".git")
        host = url.host + (f":{url.port}" if url.port else "")
        client = next((client for client in self.clients if client.forge.host == host), None)
        if client is None:
            raise UnavailableError("forge.not_found", name=name, host=host)
        look = Look(Repository(url), await client.tree(name, commit), 0.0, self.name)

        async def fetch(oids: Sequence[str]) -> Contents:
            return await fetch_blobs(client, name, oids, limits.ITEM_FILE_BYTES)

        return await deliver(look, path, fetch)


def _telling(outcome: Outcome) -> list[OoderError]:
    """Errors, the one that says most first: a limit before what else went wrong, a cause before the rest it led to."""
    ended = outcome.ended
    first = [ended] if ended is not None and ended.code != "http.resting" else []
    return first + outcome.errors


def _low(outcomes: Sequence[tuple[ForgeClient, Outcome]]) -> OoderError | None:
    """Repositories that wait although nothing failed: the allowance is nearly spent, or the time was."""
    for client, one in outcomes:
        left = client.allowance
        if one.is_low and left:
            said = {"left": left.left, "limit": left.limit, "waiting": one.waiting}
            return UnavailableError("forge.low_allowance", host=client.forge.host, **said)
        if one.waiting:
            return UnavailableError("forge.unfinished", host=client.forge.host, waiting=one.waiting)
    for client, _ in outcomes:
        if client.skipped:
            return DataError("forge.rows_skipped", host=client.forge.host, count=client.skipped)
    return None
