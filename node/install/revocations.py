"""What is installed and was revoked since: `OODER_HOME/revoked.json` (SECURITY T27).

What is noted here is not run any more, and no rollback brings it back; its bytes stay, to be looked at. A note outlives the news it
came from: a source that goes back to an older list changes nothing. It goes when the release is not installed any more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress

from node.io.atomic import write_file
from node.paths import Paths
from protocol import limits
from protocol.install.model import Generation
from protocol.install.revoked import revoked_among
from protocol.install.universe import Universe
from protocol.revoked_lists import NOTHING, Revoked


def read_revoked(paths: Paths) -> Mapping[str, str]:
    """Release -> digest of what may not run. A file that cannot be read says nothing; the next scan writes it anew."""
    with suppress(OSError, ValueError, AttributeError, RecursionError):
        body = json.loads(paths.revoked.read_bytes()[: limits.GENERATION_BYTES])
        return {str(release): str(digest) for release, digest in body.items()}
    return {}


def note_revoked(paths: Paths, universe: Universe, installed: Generation, lists: Revoked = NOTHING) -> tuple[str, ...]:
    """Remember what `universe` or the `lists` of registries say is revoked of what is installed; the releases new among it.

    Raises StorageError `home.unwritable`.
    """
    before = read_revoked(paths)
    there = {item.release: item.digest for item in installed.items}
    after = {release: digest for release, digest in before.items() if there.get(release) == digest}
    after |= {item.release: item.digest for item in revoked_among(installed.items, universe)}
    after |= {
        item.release: item.digest
        for item in installed.items
        if lists.reason(item.principal, item.digest, item.key) is not None
    }
    if after != before:
        write_file(paths.revoked, json.dumps(after, indent=0, sort_keys=True).encode())
    return tuple(sorted(after.keys() - before.keys()))
