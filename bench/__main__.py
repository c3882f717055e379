"""`python -m bench [NAME...]`: run the modules of this package (all, or those named) and print their figures side by side.

Columns: the ratio to the yardstick, what was measured, the figure, its aim, the yardstick. Other programs on the machine
move figures in seconds; ratios, taken in the same run, move far less. Every module runs in a process of its own and is ended after
`SECONDS`, so that one which hangs costs no other its figures.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from bench import Row

SECONDS = 600
_FOLDER = Path(__file__).resolve().parent
_ONE = "import importlib, json, sys; print(json.dumps(importlib.import_module('bench.' + sys.argv[1]).run()))"


def names() -> list[str]:
    """Every module with a `run`."""
    found = [path.stem for path in sorted(_FOLDER.glob("[a-z]*.py"))]
    return [name for name in found if "\ndef run() ->" in (_FOLDER / f"{name}.py").read_text("utf-8")]


def rows_of(name: str) -> list[Row]:
    """Measure in a process of its own. Raises subprocess.SubprocessError."""
    done = subprocess.run(
        [sys.executable, "-c", _ONE, name], cwd=_FOLDER.parent, stdout=subprocess.PIPE, timeout=SECONDS, check=True
    )
    return [Row(*row) for row in json.loads(done.stdout.splitlines()[-1])]


def line(row: Row) -> str:
    """Ratio first."""
    ratio = f"{row.value / row.yardstick:8.2f} x" if row.yardstick else " " * 10
    figure = f"{row.value:>12,.4g} {row.unit:<8}"
    beside = f"   {row.yardstick_name}: {row.yardstick:,.4g} {row.unit}" if row.yardstick is not None else ""
    return f"{ratio}  {row.what:<58} {figure} {'aim ' + row.aim if row.aim else '':<28}{beside}".rstrip()


def main(wanted: list[str]) -> int:
    """Print everything; 1 when a module failed, 2 for an unknown name."""
    known = names()
    if unknown := [name for name in wanted if name not in known]:
        print(f"no such benchmark: {', '.join(unknown)}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    failed = 0
    for name in wanted or known:
        print(f"\n{name}", flush=True)
        try:
            for row in rows_of(name):
                print(line(row), flush=True)
        except subprocess.SubprocessError as error:
            failed = 1
            print(f"  not measured: {error}", file=sys.stderr)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
