"""What a source said, kept as the index would keep it: the newest reading of every place, and what still stands.

>>> heard = Heard()
>>> heard.known("local_fs", "file:///x")
{}
"""

from __future__ import annotations

from protocol.items import Confirmation, Problem, Progress, Reading, Report, Sighting, Survey


class Heard:
    """Port `Places` and an `Emit` in one. `new` holds the places of the readings since it was last cleared."""

    def __init__(self) -> None:
        self.readings: dict[tuple[str, str], dict[str, Reading]] = {}
        self.surveys: list[Survey] = []
        self.new: list[str] = []

    def __call__(self, report: Report) -> None:
        if isinstance(report, Progress):
            return
        standing = self.readings.setdefault((report.source, report.origin), {})
        if isinstance(report, Confirmation):
            assert report.count == len(standing), "it confirms exactly what is known"
            report = Survey(report.source, report.origin, report.at, frozenset(standing))
        if isinstance(report, Survey):
            self.surveys.append(report)
            for place in standing.keys() - report.places:
                if not report.hides(place):
                    del standing[place]
        else:
            standing[report.place] = report
            self.new.append(report.place)

    def count(self, source: str, origin: str) -> int:
        return len(self.known(source, origin))

    def known(self, source: str, origin: str) -> dict[str, str]:
        return {place: reading.signature for place, reading in self.readings.get((source, origin), {}).items()}

    def sightings(self) -> list[Sighting]:
        """All that stand, of all origins."""
        return [sighting for places in self.readings.values() for r in places.values() for sighting in r.sightings]

    def problems(self) -> list[Problem]:
        """All that stand, of all origins."""
        return [problem for places in self.readings.values() for r in places.values() for problem in r.problems]
