"""What an index does with reports, as far as a source can see it: remembers signatures and which places stand.

listener = Listener()
context = Context(clock, listener, home, Random(0))
await provider.search(Query(), listener.emit)
listener.items()            # {"skill:daily-report": Sighting, ...}
"""

from __future__ import annotations

from collections.abc import Mapping

from protocol.items import Confirmation, Problem, Progress, Reading, Report, Sighting, Survey


class Listener:
    """Receives reports and answers as port `Places`."""

    def __init__(self) -> None:
        self.readings: dict[tuple[str, str, str], Reading] = {}
        self.heard: list[Report] = []

    def emit(self, report: Report) -> None:
        self.heard.append(report)
        if isinstance(report, Reading):
            self.readings[report.source, report.origin, report.place] = report
        elif isinstance(report, Survey):
            for key in list(self.readings):
                if key[:2] != (report.source, report.origin) or report.hides(key[2]):
                    continue
                if key[2] not in report.places:
                    del self.readings[key]
        elif isinstance(report, Confirmation):
            assert report.count == self.count(report.source, report.origin), "it confirms exactly what is known"

    def count(self, source: str, origin: str) -> int:
        return len(self.known(source, origin))

    def known(self, source: str, origin: str) -> Mapping[str, str]:
        return {key[2]: reading.signature for key, reading in self.readings.items() if key[:2] == (source, origin)}

    def sightings(self) -> list[Sighting]:
        return [sighting for reading in self.readings.values() for sighting in reading.sightings]

    def items(self) -> dict[str, Sighting]:
        return {str(sighting.item.ref.any_version): sighting for sighting in self.sightings()}

    def problems(self) -> list[Problem]:
        return [problem for reading in self.readings.values() for problem in reading.problems]

    def surveys(self) -> list[Survey]:
        return [report for report in self.heard if isinstance(report, Survey)]

    def read_again(self) -> list[str]:
        """Places of the readings since `forget`."""
        return [report.place for report in self.heard if isinstance(report, Reading)]

    def forget(self) -> None:
        """Forget what was heard, not what stands."""
        self.heard.clear()

    def last_progress(self) -> Progress | None:
        found = [report for report in self.heard if isinstance(report, Progress)]
        return found[-1] if found else None
