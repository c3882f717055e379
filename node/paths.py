"""Where everything lives below `OODER_HOME` (default `~/.ooder`, guide 3.7)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from protocol.errors import StorageError


@dataclass(frozen=True, slots=True)
class Paths:
    """Every path this node uses. Nothing outside `home` is ever written."""

    home: Path

    @property
    def config(self) -> Path:
        """The user's own settings; this node reads it and never writes it."""
        return self.home / "config.yaml"

    @property
    def config_dir(self) -> Path:
        """Drop-ins; `50-ooder.yaml` is written by the command line."""
        return self.home / "config.d"

    @property
    def own_config(self) -> Path:
        return self.config_dir / "50-ooder.yaml"

    @property
    def trust(self) -> Path:
        """Pins and keys the user decided on."""
        return self.home / "trust.yaml"

    @property
    def node_key(self) -> Path:
        """This node's own signing key (see `node.keys`)."""
        return self.home / "node.key"

    @property
    def shares(self) -> Path:
        """What this user shares with other devices (see `node.sharing`)."""
        return self.home / "shares.yaml"

    @property
    def lan_memory(self) -> Path:
        """What is remembered of the local network (see `node.lan`)."""
        return self.home / "lan.json"

    @property
    def first_seen(self) -> Path:
        """When releases of installed items were first seen here."""
        return self.home / "first-seen.json"

    @property
    def revoked(self) -> Path:
        """What is installed and may not run any more."""
        return self.home / "revoked.json"

    @property
    def queue(self) -> Path:
        """Installs that wait for a source."""
        return self.home / "queue.json"

    @property
    def cache(self) -> Path:
        return self.home / "cache"

    @property
    def cache_state(self) -> Path:
        """Written last by the cache tree: while it is missing, the tree is not complete."""
        return self.cache / "state.json"

    @property
    def mirrors(self) -> Path:
        return self.cache / "git"

    @property
    def http_cache(self) -> Path:
        """Answers of servers, kept so that the next one can be "not modified"."""
        return self.cache / "http"

    @property
    def partial(self) -> Path:
        """Downloads that broke off (see `node.io.partials`)."""
        return self.cache / "partial"

    @property
    def revocations(self) -> Path:
        """What registries say must not run any more (see `node.revocation_lists`)."""
        return self.home / "revocation-lists.json"

    @property
    def source_memory(self) -> Path:
        """What sources must not forget (see `node.source_memory`)."""
        return self.home / "sources"

    @property
    def index(self) -> Path:
        return self.home / "index.db"

    @property
    def states(self) -> Path:
        """The last known light of every source."""
        return self.home / "sources.json"

    @property
    def installed(self) -> Path:
        return self.home / "installed"

    @property
    def run(self) -> Path:
        """What only matters while something runs: the control socket, states of scene agents, views of installed trees."""
        return self.home / "run"

    @property
    def skill_config(self) -> Path:
        """Settings and secrets of skills, one folder each, written by the user."""
        return self.home / "config" / "skills"

    @property
    def data(self) -> Path:
        """What running skills keep, one folder for each scene and skill."""
        return self.home / "data"

    @property
    def logs(self) -> Path:
        """What running skills print."""
        return self.home / "logs"

    @property
    def scan_lock(self) -> Path:
        return self.home / "scan.lock"

    @property
    def node_lock(self) -> Path:
        return self.home / "node.lock"

    def ensure(self) -> None:
        """Make the home, for this user only. Raises StorageError `home.unwritable`."""
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError("home.unwritable", path=str(self.home), reason=error.strerror or str(error)) from error

    def named(self) -> Mapping[str, Path]:
        """Name -> path, in the order `ooder paths` prints them."""
        return {
            "home": self.home,
            "config": self.config,
            "config.d": self.config_dir,
            "trust": self.trust,
            "index": self.index,
            "cache": self.cache,
            "mirrors": self.mirrors,
            "installed": self.installed,
            "skill settings": self.skill_config,
            "data": self.data,
            "logs": self.logs,
            "run": self.run,
        }


def find_home(environ: Mapping[str, str] = os.environ) -> Paths:
    """`OODER_HOME`, else `~/.ooder`."""
    chosen = environ.get("OODER_HOME")
    return Paths(Path(chosen).expanduser().absolute() if chosen else Path.home() / ".ooder")
