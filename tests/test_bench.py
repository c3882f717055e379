"""How figures of other programs come beside ours."""

from __future__ import annotations

from bench import Row
from bench.lan_foreign import Figure
from bench.lan_peers import matched


def test_a_row_is_told_once_per_program_that_has_the_same_figure() -> None:
    rows = [Row("newcomer", 4.0, "ms", "<= 20"), Row("flood", 1.0, "s")]
    figures = [
        Figure("newcomer", 120.0, "ms", "serf"),
        Figure("newcomer", 5.0, "ms", "syncthing"),
        Figure("flood", 9.0, "ms", "another unit"),
    ]
    assert matched(rows, figures) == [
        Row("newcomer", 4.0, "ms", "<= 20", 120.0, "serf"),
        Row("newcomer", 4.0, "ms", "<= 20", 5.0, "syncthing"),
        Row("flood", 1.0, "s"),
        Row("another unit: flood", 9.0, "ms"),
    ]
