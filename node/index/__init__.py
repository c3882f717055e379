"""The index: what every source said, what is shown for every name, and the one fast answer to a question.

    index = Index.open(home / "index.db", wall)
    index.apply([Reading(...), Survey(...)], rules, now)
    index.search(Query("日报 pdf"), now).rows

It guarantees: a batch of reports is taken in whole or not at all; entries are always what merging all sightings from scratch would
give; several threads and processes may use the file at once; a damaged file costs a rescan and nothing else. It leaves to
others: judging (protocol.trust), merging (protocol.merge), when to look (supervisor), and everything a person decided.

schema: tables, migrations · claims: sightings as rows · said: what reports change · writing: reports in · entries: rows that are shown · searching · reading.
"""

from node.index.database import Index
from node.index.reading import Counts, OriginInfo, Told
from node.index.searching import Page, Row
from node.index.writing import Rules

__all__ = ["Counts", "Index", "OriginInfo", "Page", "Row", "Rules", "Told"]
