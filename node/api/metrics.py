"""Figures for Prometheus, in a registry of our own: names of the ecosystem notes, base units, no ids or names as labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import CounterMetricFamily
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_latest

from node.api.route import TextAnswer
from node.supervisor import Light
from node.version import __version__

if TYPE_CHECKING:
    from node.api.desk import Desk

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0)


class Figures:
    """Owns the registry. `took` is told of every answer; the rest is read when somebody asks."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.build = Gauge("ooder_build_info", "This program.", ("version",), registry=registry)
        self.build.labels(__version__).set(1)
        self.requests = Counter("ooder_http_requests", "Answers given.", ("route", "status"), registry=registry)
        self.search = Histogram(
            "ooder_search_duration_seconds", "Time to answer a search.", buckets=BUCKETS, registry=registry
        )
        self.up = Gauge("ooder_source_up", "1 when the source answered last time.", ("source",), registry=registry)
        self.success = Gauge(
            "ooder_source_last_success_timestamp_seconds", "Last success.", ("source",), registry=registry
        )
        self.records = Gauge("ooder_catalog_records", "Items known.", ("type", "scope"), registry=registry)
        self.seen = Gauge(
            "ooder_source_records", "Items a source has seen that are known now.", ("source",), registry=registry
        )
        self.peers = Gauge("ooder_peers", "Devices of the network that are here now.", registry=registry)
        self.dht_peers = Gauge("ooder_dht_peers", "Contacts in the routing table of the DHT.", registry=registry)
        self.conflicts = Gauge("ooder_catalog_conflicts", "Items with conflicts.", registry=registry)
        self.last_event = Gauge("ooder_events_last_number", "Number of the newest event.", registry=registry)
        self.streams = Gauge("ooder_event_streams", "Event streams open.", registry=registry)
        self.counted = Counted()
        registry.register(self.counted)

    def took(self, name: str, status: int, seconds: float) -> None:
        """Count one answer."""
        self.requests.labels(name, str(status)).inc()
        if name == "search_items":
            self.search.observe(seconds)

    def read(self, desk: Desk) -> None:
        """Bring the figures up to date. Blocks."""
        service = desk.service
        for state in service.states():
            self.up.labels(state.name).set(state.light in (Light.ONLINE, Light.SLOW))
            self.success.labels(state.name).set(state.last_success)
        counts = service.index.counts()
        for kind, number in counts.kinds.items():
            self.records.labels(kind.value, "all").set(number)
        for source, number in counts.sources.items():
            self.seen.labels(source).set(number)
        self.conflicts.set(counts.conflicted)
        self.last_event.set(service.last_event())
        self.streams.set(desk.hub.listeners)
        self.counted.installs = dict(desk.installs.results)
        self.counted.discovered(counts.sources)
        self._read_network(desk)

    def _read_network(self, desk: Desk) -> None:
        ports = desk.service.ports
        traffic = ports.lan.traffic()
        dropped: Counts = {str(reason): int(number) for reason, number in traffic["refused"].items()}
        live = ports.dht.running if "dht" in ports.__dict__ else None
        if live is not None and live.joined:
            self.dht_peers.set(len(live.machine.table))
            dropped |= {name: number for name, number in live.machine.counts.items() if name not in ASKED}
        self.counted.dropped = dropped
        self.peers.set(traffic["peers"])


ASKED = frozenset({"received", "asked", "answered", "lookups"})
"""What the DHT counts beside what it drops."""
Counts = dict[str, int]


class Counted:
    """Figures that are counted elsewhere and only rise."""

    def __init__(self) -> None:
        self.installs: Counts = {}
        self.dropped: Counts = {}
        self._seen: Counts = {}
        self._found: Counts = {}

    def discovered(self, now: Mapping[str, int]) -> None:
        """Take in how many items each source has seen; what goes away is not counted back."""
        for source, number in now.items():
            self._found[source] = self._found.get(source, 0) + max(0, number - self._seen.get(source, 0))
        self._seen = dict(now)

    def collect(self) -> Iterator[CounterMetricFamily]:
        """As the registry asks for it."""
        for name, text, label, counts in (
            ("ooder_install", "Installs by how they ended.", "result", self.installs),
            ("ooder_discovery_records", "Items that a source brought.", "source", self._found),
            ("ooder_rpc_dropped", "Messages of the network that were dropped, by reason.", "reason", self.dropped),
        ):
            family = CounterMetricFamily(name, text, labels=(label,))
            for word, number in sorted(counts.items()):
                family.add_metric((word,), number)
            yield family


def expose(desk: Desk, *, openmetrics: bool = False) -> TextAnswer:
    """All figures as Prometheus text, or as OpenMetrics. Blocks."""
    figures = desk.figures
    figures.read(desk)
    if openmetrics:
        text = TextAnswer(openmetrics_latest(figures.registry).decode())  # type: ignore[no-untyped-call]
        text.media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8"
        return text
    text = TextAnswer(generate_latest(figures.registry).decode())
    text.media_type = "text/plain; version=0.0.4; charset=utf-8"
    return text
