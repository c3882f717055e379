"""What runs in a container: `python -m scenarios.container serve [PROGRAM]` furnishes the home as the topology says, then becomes the node.

The environment says how: `SCENARIO_SETTINGS` is its `config.yaml`, `SCENARIO_SHARES` (refs, by blanks) are shared from the catalogue,
`SCENARIO_KEY_OF` is a home whose key this machine has, too. `peers` prints whom the node sees, and leaves with 0 when it answers its control socket, `key` prints the fingerprint.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from node import control
from node.keys import node_key
from node.paths import Paths
from protocol.errors import OoderError

OODER = (sys.executable, "-m", "node")


def serve(paths: Paths, program: list[str]) -> None:
    """Furnish the home once, then become the node, or `program`; never returns."""
    paths.ensure()
    settings = os.environ.pop("SCENARIO_SETTINGS", "")
    if settings:
        paths.config.write_text(settings, "utf-8")
    original = os.environ.get("SCENARIO_KEY_OF", "")
    if original and not paths.node_key.exists():
        shutil.copyfile(Paths(Path(original)).node_key, paths.node_key)
        paths.node_key.chmod(0o600)
    refs = os.environ.get("SCENARIO_SHARES", "").split()
    if refs and not paths.shares.exists():
        subprocess.run([*OODER, "scan", "--source", "local_fs"], check=True)
        for ref in refs:
            subprocess.run([*OODER, "share", ref], check=True)
    os.execv(sys.executable, [sys.executable, *(program or ("-m", "node", "serve"))])  # noqa: S606 - no shell is the point


def peers(paths: Paths) -> int:
    """0 when the node answers; prints whom it sees."""
    try:
        print(json.dumps(control.ask(paths, "peers.list", {}, seconds=2.0)))
    except OoderError as error:
        print(error)
        return 1
    return 0


def main(arguments: list[str]) -> int:
    paths = Paths(Path(os.environ["OODER_HOME"]))
    what = arguments[0] if arguments else "serve"
    if what == "peers":
        return peers(paths)
    if what == "key":
        print(node_key(paths).public.fingerprint)
        return 0
    if what == "serve":
        serve(paths, arguments[1:])
    print(f"unknown: {what}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
