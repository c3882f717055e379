"""How figures of other programs come beside ours."""

from __future__ import annotations

from bench import Row
from bench.lan_foreign import Figure
from bench.lan_peers import matched


def test_a_row_is_told_once_per_program_that_has_the_same_figure() -> None:
    cold = Row("cold", 9.0, "ms", "", 3.0, "bare interpreter")
    rows = [Row("newcomer", 4.0, "ms", "<= 20"), Row("flood", 1.0, "s"), cold]
    figures = [
        Figure("newcomer", 120.0, "ms", "serf"),
        Figure("newcomer", 5.0, "ms", "syncthing"),
        Figure("cold", 120.0, "ms", "serf"),
        Figure("flood", 9.0, "ms", "another unit"),
    ]
    assert matched(rows, figures) == [
        Row("newcomer", 4.0, "ms", "<= 20", 120.0, "serf"),
        Row("newcomer", 4.0, "ms", "<= 20", 5.0, "syncthing"),
        Row("flood", 1.0, "s"),
        cold,
        Row("cold", 9.0, "ms", "", 120.0, "serf"),
        Row("another unit: flood", 9.0, "ms"),
    ]
