"""Checks of this machine and this home. Each finding says how it is and, when it is not well, the command that mends it."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from node import config
from node.doctor_forges import check_forges
from node.finding import Finding, Health
from node.index import Index
from node.paths import Paths
from node.scene.sandbox import enforcement
from protocol.errors import OoderError

GIT_WANTED = (2, 38)  # safe.bareRepository
CLOCK_TOLERATED = 60.0  # seconds
DISK_WANTED = 256 * 1024 * 1024  # bytes free


def examine(paths: Paths) -> Iterator[Finding]:
    """Run every check; a check that fails itself is a finding, not an error."""
    checks: tuple[Callable[[Paths], Finding], ...] = (
        check_python,
        check_packages,
        check_sqlite,
        check_git,
        check_home,
        check_disk,
        check_clock,
        check_settings,
        check_sandbox,
        check_forges,
    )
    for check in checks:
        try:
            yield check(paths)
        except (OSError, OoderError, sqlite3.Error, subprocess.SubprocessError) as error:
            yield Finding(check.__name__.removeprefix("check_"), Health.FAIL, str(error))


def check_python(paths: Paths) -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < (3, 11, 4):
        return Finding("python", Health.WARN, found, "Use Python 3.11.4 or newer: older ones lack security fixes.")
    return Finding("python", Health.OK, found)


def check_packages(paths: Paths) -> Finding:
    """Our three top-level names must come from one place: other distributions use the same names."""
    import node
    import protocol
    import sources

    homes = {Path(str(package.__file__)).resolve().parent.parent for package in (node, protocol, sources)}
    if len(homes) > 1:
        return Finding("packages", Health.FAIL, ", ".join(map(str, sorted(homes))), "pipx install ooder-discovery-node")
    return Finding("packages", Health.OK, str(homes.pop()))


def check_sqlite(paths: Paths) -> Finding:
    with sqlite3.connect(":memory:") as connection:
        options = {row[0] for row in connection.execute("PRAGMA compile_options")}
    if "ENABLE_FTS5" not in options:
        return Finding("sqlite", Health.FAIL, sqlite3.sqlite_version, "Use a Python whose SQLite has FTS5.")
    return Finding("sqlite", Health.OK, f"{sqlite3.sqlite_version}, FTS5")


def check_git(paths: Paths) -> Finding:
    program = shutil.which("git")
    if program is None:
        return Finding(
            "git", Health.WARN, "not found", "apt-get install git (git_repository needs it, and forges with many files)"
        )
    text = subprocess.run([program, "version"], capture_output=True, text=True, timeout=10, check=True).stdout
    number = text.split()[2]
    if tuple(int(part) for part in number.split(".")[:2]) < GIT_WANTED:
        return Finding(
            "git", Health.WARN, number, "Use git 2.38 or newer: older ones lack security settings we rely on."
        )
    return Finding("git", Health.OK, number)


def check_home(paths: Paths) -> Finding:
    if not paths.home.exists():
        return Finding("home", Health.OK, f"{paths.home} (made when first needed)")
    probe = paths.home / ".doctor"
    try:
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        fix = "Free the disk or fix its permissions, or choose another home: OODER_HOME=/some/folder"
        return Finding("home", Health.FAIL, f"{paths.home} cannot be written: {error.strerror}", fix)
    mode = paths.home.stat().st_mode & 0o777
    if mode & 0o077:
        return Finding("home", Health.WARN, f"{paths.home} is open to others ({mode:o})", f"chmod 700 {paths.home}")
    return Finding("home", Health.OK, str(paths.home))


def check_disk(paths: Paths) -> Finding:
    place = next(path for path in (paths.home, *paths.home.parents) if path.exists())
    free = shutil.disk_usage(place).free
    health = Health.OK if free >= DISK_WANTED else Health.WARN
    return Finding(
        "disk", health, f"{free // 1024 // 1024} MiB free", "" if health is Health.OK else "Free some space."
    )


def check_clock(paths: Paths) -> Finding:
    """Time never runs backwards here, so after a clock that was ahead nothing ages until that time has come."""
    index = Index(paths.index, time.time)
    try:
        ahead = index.last_wall() - time.time() if paths.index.exists() else 0.0
    finally:
        index.close()
    if ahead < CLOCK_TOLERATED:
        return Finding("clock", Health.OK, time.strftime("%Y-%m-%d %H:%M:%S %z"))
    found = f"{ahead / 60:.0f} min behind what was written here; until then nothing gets older"
    return Finding(
        "clock", Health.WARN, found, "Set the clock; if it is right now and was wrong before: ooder cache clear"
    )


def check_settings(paths: Paths) -> Finding:
    problems = config.check(config.load(paths))
    if problems:
        first = problems[0]
        return Finding("settings", Health.FAIL, f"{first.origin}: {first.key}: {first.reason}", "ooder config check")
    return Finding("settings", Health.OK, str(paths.config) if paths.config.exists() else "defaults")


def check_sandbox(paths: Paths) -> Finding:
    """What this machine enforces on the programs of skills."""
    rules = enforcement()
    text = "; ".join(f"{'✓' if rule.enforced else '✗'} {rule.rule} ({rule.how})" for rule in rules)
    if all(rule.enforced for rule in rules if rule.boxed):
        return Finding("sandbox", Health.OK, text)
    return Finding("sandbox", Health.WARN, text, "apt-get install bubblewrap; then programs of skills run in a box.")
