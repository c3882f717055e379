"""Sorts the events of an incident and shows the minutes between them.

usage: timeline.py events.csv    (rows: ISO 8601 time, what happened)
"""

import csv
import sys
from datetime import datetime


def main(path: str) -> int:
    """Print one line per event: time, minutes since the one before, text."""
    with open(path, encoding="utf-8", newline="") as file:
        events = sorted((datetime.fromisoformat(row[0]), row[1]) for row in csv.reader(file) if len(row) >= 2)
    before = events[0][0] if events else None
    for at, text in events:
        gap = (at - before).total_seconds() / 60 if before else 0.0
        print(f"{at:%H:%M}  +{gap:5.0f} min  {text}")
        before = at
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
