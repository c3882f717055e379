"""Search in 100,000 mixed Chinese and English items, beside the bare SQLite statements that return the same ids.

Also beside the plain full-text query (`MATCH ? ORDER BY rank LIMIT 50`), and: filling the index, one survey of everything, and
the first answer of a cold process.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any

from bench import Row
from node.index import Index, Rules
from node.index.schema import connect
from node.index.searching import search
from protocol.items import Channel, Dependency, Evidence, Item, Provided, Reading, Sighting, Survey
from protocol.query import Query
from protocol.refs import Kind
from protocol.words import read_words

ITEMS = 100_000
NOW = 1_800_000_000.0
_ENGLISH = "report data agent message group search vector image audio file mail calendar task user security log deploy git code review test build network device sensor"
_CHINESE = "日报 周报 数据 消息 群组 搜索 向量 图片 语音 文件 邮件 日历 任务 用户 安全 日志 部署 代码 评审 测试 构建 网络 设备 知识库 入职 审批 合同 发票 会议 汇总"
ENGLISH, CHINESE = _ENGLISH.split(), _CHINESE.split()


def words(random: Random, some: list[str], count: int) -> list[str]:
    """Common words often, rare ones seldom, and now and then one that occurs once."""
    return [some[min(int(random.expovariate(0.15)), len(some) - 1)] for _ in range(count)]


def item(random: Random, number: int) -> Item:
    latin, han = words(random, ENGLISH, 12), words(random, CHINESE, 14)
    return Item(
        kind=(Kind.SKILL, Kind.SKILL, Kind.SKILL, Kind.SCENE, Kind.CAPABILITY)[number % 5],
        id=f"{latin[0]}-{latin[1]}-{number}",
        version=f"1.{number % 9}.0",
        name="".join(han[:2]) + (f" {latin[2]}" if number % 3 else ""),
        description="，".join(han[2:]) + "。 " + " ".join(latin[2:]) + f" x{number:x}",
        category=han[0],
        tags=(latin[3], han[3]),
        provides=(Provided(f"{latin[4]}-{number % 500}", han[4]),),
        requires=(Dependency(Kind.CAPABILITY, f"{latin[5]}-{number % 500}"),),
        raw={"id": str(number), "spec": {"words": latin}},
    )


def readings(at: float) -> Iterator[Reading]:
    """One reading per item, of three kinds of trust."""
    random = Random(7)
    for number in range(ITEMS):
        one = item(random, number)
        source, channel = (
            ("local_fs", Channel.OWN_FILES),
            ("git_repository", Channel.ORIGIN),
            ("udp_broadcast", Channel.HEARSAY),
        )[number % 3]
        place = f"{one.id}/skill.yaml"
        said = Sighting(
            one,
            source,
            "bench",
            place,
            f"x:{place}",
            f"p:{number % 40}",
            Evidence(channel),
            at,
            f"sha256:{number:064x}",
        )
        yield Reading(source, "bench", place, at, (said,), (), f"{number}")


def questions() -> list[str]:
    """One to three words each, common and rare, Chinese and English, mixed."""
    random = Random(11)
    asked = []
    for number in range(400):
        pool = (ENGLISH, CHINESE, ENGLISH + CHINESE)[number % 3]
        text = [random.choice(pool) for _ in range(1 + number % 3)]
        if number % 10 == 0:
            text = [f"x{random.randrange(ITEMS):x}"]
        asked.append(" ".join(text))
    return asked


class Recorder:
    """A connection that notes the statements it runs."""

    def __init__(self, db: Any) -> None:
        self.db, self.statements = db, list[tuple[str, Any]]()

    def execute(self, statement: str, values: Any = ()) -> Any:
        self.statements.append((statement, dict(values)))
        return self.db.execute(statement, values)


def p95(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.95)] * 1000


def fill(path: Path) -> list[Row]:
    """Fill the index and survey one of its origins."""
    index = Index.open(path, lambda: NOW)
    made = list(readings(NOW))
    start = perf_counter()
    for at in range(0, ITEMS, 1_000):
        index.apply(made[at : at + 1_000], Rules(), NOW)
    filled = ITEMS / (perf_counter() - start)
    places = frozenset(one.place for one in made if one.source == "local_fs")
    start = perf_counter()
    index.apply([Survey("local_fs", "bench", NOW + 1, places)], Rules(), NOW + 1)
    surveyed = (perf_counter() - start) * 10_000 / len(places)
    index.close()
    return [
        Row("index: readings taken in, parsed already", filled, "/s", ">= 6,700 (150 us each)"),
        Row("index: survey of 10,000 unchanged places", surveyed, "s", "well below 0.5"),
    ]


def ask(path: Path) -> list[Row]:
    """Ask everything three ways."""
    index, db = Index.open(path, lambda: NOW), connect(path)
    ours: list[float] = []
    bare: list[float] = []
    plain: list[float] = []
    for text in questions() * 2:
        query = Query(text)
        start = perf_counter()
        page = index.search(query, NOW)
        ours.append(perf_counter() - start)
        recorder = Recorder(db)
        again = search(recorder, query, NOW)  # type: ignore[arg-type]
        assert [row.ref for row in again.rows] == [row.ref for row in page.rows]
        start = perf_counter()
        for statement, values in recorder.statements:
            db.execute(statement, values).fetchall()
        bare.append(perf_counter() - start)
        start = perf_counter()
        db.execute(
            "SELECT rowid FROM words WHERE words MATCH ? ORDER BY rank LIMIT 50", (read_words(text).match,)
        ).fetchall()
        plain.append(perf_counter() - start)
    rows = [
        Row("search p95, 100,000 items, 1-3 words", p95(ours), "ms", "<= 5, <= 1.5 x", p95(bare), "bare statements"),
        Row("search p95, the same", p95(ours), "ms", "", p95(plain), "FTS5 ORDER BY rank"),
        Row(
            "search median", sorted(ours)[len(ours) // 2] * 1000, "ms", "", sorted(bare)[len(bare) // 2] * 1000, "bare"
        ),
    ]
    for what, query in (
        ("list everything", Query()),
        ("list scenes", Query(kinds=frozenset({Kind.SCENE}))),
        ("wildcard *report*", Query("*report*1234*")),
        ("word and source", Query("数据", sources=frozenset({"git_repository"}))),
        ("word and kind", Query("报", kinds=frozenset({Kind.CAPABILITY}))),
        ("source only", Query(sources=frozenset({"git_repository"}))),
    ):
        times = []
        for _ in range(20):
            start = perf_counter()
            index.search(query, NOW)
            times.append(perf_counter() - start)
        rows.append(Row(f"search: {what}, p95", p95(times), "ms"))
    index.close()
    db.close()
    return rows


_COLD = """
import sys, pathlib
from node.index import Index
from protocol.query import Query
index = Index.open(pathlib.Path(sys.argv[1]), lambda: 0.0)
assert index.search(Query("日报"), 1.8e9).rows
"""


def run() -> list[Row]:
    """Everything above, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.db"
        rows = fill(path) + ask(path)
        start = perf_counter()
        subprocess.run([sys.executable, "-c", _COLD, str(path)], check=True)
        size = path.stat().st_size / 1e6
        cold = perf_counter() - start
        return [*rows, Row("first answer of a cold process", cold, "s", "<= 1"), Row("index file", size, "MB")]


if __name__ == "__main__":
    for row in run():
        print(row)
