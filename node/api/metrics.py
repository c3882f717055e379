"""Figures for Prometheus, in a registry of our own: names of the ecosystem notes, base units, no ids or names as labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

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
        self.records = Gauge("ooder_catalog_records", "Items known.", ("type",), registry=registry)
        self.seen = Gauge("ooder_discovery_records", "Items seen by a source.", ("source",), registry=registry)
        self.conflicts = Gauge("ooder_catalog_conflicts", "Items with conflicts.", registry=registry)
        self.last_event = Gauge("ooder_events_last_number", "Number of the newest event.", registry=registry)
        self.streams = Gauge("ooder_event_streams", "Event streams open.", registry=registry)

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
            self.records.labels(kind.value).set(number)
        for source, number in counts.sources.items():
            self.seen.labels(source).set(number)
        self.conflicts.set(counts.conflicted)
        self.last_event.set(service.last_event())
        self.streams.set(desk.hub.listeners)


def expose(desk: Desk) -> str:
    """All figures as Prometheus text. Blocks."""
    figures = desk.figures
    figures.read(desk)
    return generate_latest(figures.registry).decode()
