"""Tests speak to nobody and judge no speed.

The sources of the local network and the public forges are off unless a test turns them on itself; set in the environment, so that it also holds for the
programs that tests start. Property tests have no time limit of their own: how fast something is, the benchmarks say.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

QUIET = tuple(f"OODER_SOURCES__{name}__ENABLED" for name in ("UDP_BROADCAST", "MDNS_DNS_SD", "GITHUB", "GITEE"))

for name in QUIET:
    os.environ.setdefault(name, "false")

settings.register_profile("ooder", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ooder")
