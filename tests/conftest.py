"""Tests speak to nobody: the sources of the local network are off unless a test turns them on itself.

Set here, in the environment, so that it also holds for the programs that tests start.
"""

from __future__ import annotations

import os

QUIET = ("OODER_SOURCES__UDP_BROADCAST__ENABLED", "OODER_SOURCES__MDNS_DNS_SD__ENABLED")

for name in QUIET:
    os.environ.setdefault(name, "false")
