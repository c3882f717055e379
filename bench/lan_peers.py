"""The rows of `bench.lan` beside serf and syncthing from Debian in the same run, and mDNS beside avahi.

    rows = beside(rows)      # one row per yardstick: a figure that two programs have, too, is told twice

What is not installed is left out with a word on stderr; `scripts/setup-lan-peers.sh bench` installs it. They are not asked for what they do
not offer: a flood, an answer on request, a goodbye of syncthing.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

from bench import Row, lan_mdns, lan_serf, lan_syncthing
from bench.lan_foreign import Figure
from scenarios.avahi import why_no_avahi
from scenarios.netns import neighbour_overflows


def beside(rows: Sequence[Row]) -> list[Row]:
    """Our rows with their yardsticks, then those of mDNS. Needs root."""
    figures = list[Figure]()
    for name, measure in (("serf", lan_serf.measure), ("syncthing", lan_syncthing.measure)):
        if shutil.which(name):
            before, found = neighbour_overflows(), measure()
            void = ", void: the neighbour table was full" if neighbour_overflows() != before else ""
            figures += [each._replace(name=each.name + void) for each in found]
        else:
            print(f"bench.lan without {name}: not installed (sh scripts/setup-lan-peers.sh bench)", file=sys.stderr)
    if reason := why_no_avahi():
        print(f"bench.lan without avahi: {reason} (sh scripts/setup-lan-peers.sh bench)", file=sys.stderr)
    return [*matched(rows, figures), *lan_mdns.measure()]


def matched(rows: Sequence[Row], figures: Sequence[Figure]) -> list[Row]:
    """Each row once per yardstick: its own, and figures of its name and unit; figures without a row of ours stay visible as rows."""
    told = list[Row]()
    for row in rows:
        own = [each for each in figures if (each.what, each.unit) == (row.what, row.unit)]
        if row.yardstick is not None or not own:
            told.append(row)
        told += [row._replace(yardstick=each.value, yardstick_name=each.name) for each in own]
    known = {(row.what, row.unit) for row in rows}
    return told + [
        Row(f"{each.name}: {each.what}", each.value, each.unit)
        for each in figures
        if (each.what, each.unit) not in known
    ]
