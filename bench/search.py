"""Search in 100,000 mixed Chinese and English items, beside the bare SQLite statements that return the same ids.

Also beside the plain full-text query (`MATCH ? ORDER BY rank LIMIT 50`), and: filling the index and one survey of everything.
Times are processor time of this process. A filled index is kept in the system's folder for temporary files, under the hash of
everything that made it, because filling takes a minute.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from functools import cache
from pathlib import Path
from time import process_time
from typing import Any

from bench import Row
from bench.search_corpus import HARSH, LIFE, NOW, Vocabulary
from node.index import Index, Rules
from node.index.schema import connect
from node.index.searching import search
from protocol.items import Survey
from protocol.query import Query
from protocol.refs import Kind
from protocol.words import read_words

ITEMS = 100_000
ROOT = Path(__file__).resolve().parent.parent
_MAKERS = ("bench/search*.py", "node/index/*.py", "node/events.py", "protocol/*.py")


@cache
def filled(vocabulary: Vocabulary, items: int = ITEMS) -> Path:
    """An index with `items` items; made only if it was not made by the same code before."""
    makers = sorted(path for pattern in _MAKERS for path in ROOT.glob(pattern))
    code = hashlib.sha256(b"\0".join(path.read_bytes() for path in makers)).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / "ooder-bench"
    folder.mkdir(exist_ok=True)
    path = folder / f"{vocabulary.name}-{items}-{code}.db"
    if not path.exists():
        for old in folder.glob(f"{vocabulary.name}-{items}-*"):
            old.unlink()
        fresh = path.with_suffix(".part")
        figures = _fill(fresh, vocabulary, items)
        fresh.replace(path)
        path.with_suffix(".json").write_text(json.dumps(figures))
    return path


def _fill(path: Path, vocabulary: Vocabulary, items: int) -> dict[str, float]:
    """Fill the index and survey one of its origins; processor seconds."""
    index = Index.open(path, lambda: NOW)
    made = list(vocabulary.readings(items))
    start = process_time()
    for at in range(0, items, 1_000):
        index.apply(made[at : at + 1_000], Rules(), NOW)
    filled = (process_time() - start) / items
    places = frozenset(one.place for one in made if one.source == "local_fs")
    start = process_time()
    index.apply([Survey("local_fs", "bench", NOW + 1, places)], Rules(), NOW + 1)
    surveyed = (process_time() - start) * 10_000 / len(places)
    index.close()
    return {"each": filled, "survey": surveyed}


class Recorder:
    """A connection that notes the statements it runs."""

    def __init__(self, db: Any) -> None:
        self.db, self.statements = db, list[tuple[str, Any]]()

    def execute(self, statement: str, values: Any = ()) -> Any:
        self.statements.append((statement, dict(values)))
        return self.db.execute(statement, values)


def p95(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.95)] * 1000


def median(times: list[float]) -> float:
    return sorted(times)[len(times) // 2] * 1000


def ask(vocabulary: Vocabulary) -> list[Row]:
    """Ask everything three ways; of two rounds the better time of each question counts."""
    path = filled(vocabulary)
    index, db = Index.open(path, lambda: NOW), connect(path)
    times: list[tuple[float, float, float]] = []
    questions = vocabulary.questions(ITEMS)
    for text in questions * 2:
        query = Query(text)
        start = process_time()
        page = index.search(query, NOW)
        ours = process_time() - start
        recorder = Recorder(db)
        again = search(recorder, query, NOW)  # type: ignore[arg-type]
        assert [row.ref for row in again.rows] == [row.ref for row in page.rows]
        start = process_time()
        for statement, values in recorder.statements:
            db.execute(statement, values).fetchall()
        bare = process_time() - start
        start = process_time()
        db.execute(
            "SELECT rowid FROM words WHERE words MATCH ? ORDER BY rank LIMIT 50", (read_words(text).match,)
        ).fetchall()
        times.append((ours, bare, process_time() - start))
    count = len(questions)
    best = [tuple(map(min, first, second)) for first, second in zip(times[:count], times[count:], strict=True)]
    ours_all, bare_all, plain_all = (list(column) for column in zip(*best, strict=True))
    index.close()
    db.close()
    what = "search" if vocabulary is LIFE else "search, every word in thousands"
    return [
        Row(f"{what}: over bare statements, p95", p95(ours_all) / p95(bare_all), "x", "<= 1.5"),
        Row(f"{what}: p95", p95(ours_all), "ms", "<= 5", p95(bare_all), "bare statements"),
        Row(f"{what}: p95", p95(ours_all), "ms", "", p95(plain_all), "FTS5 ORDER BY rank"),
        Row(f"{what}: median", median(ours_all), "ms", "", median(bare_all), "bare statements"),
    ]


def lists() -> list[Row]:
    """Questions of other shapes."""
    index = Index.open(filled(LIFE), lambda: NOW)
    word = LIFE.questions(ITEMS)[1].split()[0]
    rows = []
    for what, query in (
        ("list everything", Query()),
        ("list scenes", Query(kinds=frozenset({Kind.SCENE}))),
        ("wildcard *o*1234*", Query("*o*1234*")),
        ("word and source", Query(word, sources=frozenset({"git_repository"}))),
        ("one character and kind", Query(word[:1], kinds=frozenset({Kind.CAPABILITY}))),
        ("source only", Query(sources=frozenset({"git_repository"}))),
    ):
        times = []
        for _ in range(20):
            start = process_time()
            index.search(query, NOW)
            times.append(process_time() - start)
        rows.append(Row(f"search: {what}, p95", p95(times), "ms"))
    index.close()
    return rows


def run() -> list[Row]:
    """Everything above."""
    path = filled(LIFE)
    figures = json.loads(path.with_suffix(".json").read_text())
    return [
        *ask(LIFE),
        *ask(HARSH),
        *lists(),
        Row("index: readings taken in, parsed already", 1 / figures["each"], "/s"),
        Row("index: the same, each", figures["each"] * 1e6, "us"),
        Row("index: survey of 10,000 unchanged places", figures["survey"], "s", "<= 0.5"),
        Row(f"index file with {ITEMS:,} items", path.stat().st_size / 1e6, "MB"),
    ]


if __name__ == "__main__":
    for row in run():
        print(row)
