"""Following a registry: what of its heads is believed, and whether all of its releases are here (SECURITY T6). Pure.

floor = judge(floor, head)        # then keep the floor on disk, then use what came with the head
ledger.put(ref, digest, seq)      # for every change
ledger.catalogue() == head.head.catalogue
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from protocol.errors import DataError, IntegrityError
from protocol.items import Json
from protocol.refs import Ref, parse_ref
from protocol.skill_center.head import SignedHead, bucket_digest, bucket_of, catalogue_digest


@dataclass(frozen=True, slots=True)
class Floor:
    """The newest this node ever believed of one registry: key, sequence and digest of the head, sequence of the revocations."""

    key: str = ""
    seq: int = 0
    digest: str = ""
    revocations: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the index follows: number of the last change taken in, the catalogue that all of them gave, how many releases that is."""

    event: int = 0
    catalogue: str = ""
    releases: int = 0


def judge(floor: Floor, signed: SignedHead) -> Floor:
    """The floor to keep before anything of the head is used. Raises IntegrityError `registry.rolled_back`, `registry.equivocated`,
    `center.other_key`."""
    if floor.key and signed.key != floor.key:
        raise IntegrityError("center.other_key", wanted=floor.key[:7], found=signed.key[:7])
    if signed.seq < floor.seq or signed.head.revocations < floor.revocations:
        raise IntegrityError("registry.rolled_back", found=signed.seq, known=floor.seq)
    if signed.seq == floor.seq and floor.digest and signed.digest != floor.digest:
        raise IntegrityError("registry.equivocated", seq=signed.seq)
    return Floor(signed.key, signed.seq, signed.digest, max(floor.revocations, signed.head.revocations))


class Ledger:
    """One line for each release, in the buckets of the head."""

    def __init__(self, signatures: Mapping[str, str] | None = None) -> None:
        """`signatures` are places and signatures as told in readings; what is no release is left out."""
        self._lines: dict[int, dict[str, bytes]] = {}
        self._digests: dict[int, bytes] = {}
        self._stale: set[int] = set()
        for place, signature in (signatures or {}).items():
            words = signature.split(" ")
            if len(words) > 1 and words[1].isdigit():
                self._put(place, words[0], int(words[1]))

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))

    def places(self) -> Iterable[str]:
        """Every release, as `kind:id@version`."""
        return (place for bucket in self._lines.values() for place in bucket)

    def put(self, ref: Ref, digest: str, seq: int) -> None:
        """Take in one release record by its digest."""
        self._put(str(ref), digest, seq)

    def _put(self, place: str, digest: str, seq: int) -> None:
        try:
            number = bucket_of(parse_ref(place))
        except DataError:
            return
        self._lines.setdefault(number, {})[place] = f"{place} {digest} {seq}\n".encode()
        self._stale.add(number)

    def catalogue(self) -> str:
        """The digest over everything."""
        for number in self._stale:
            self._digests[number] = bucket_digest(self._lines[number].values())
        self._stale.clear()
        return catalogue_digest(self._digests)


def signature(digest: str, seq: int) -> str:
    """What a reading of one release carries, so that a ledger can be made of it."""
    return f"{digest} {seq}"


def encode_memory(floor: Floor, progress: Progress) -> dict[str, Json]:
    """As JSON; the twin of `decode_memory`."""
    return {
        "key": floor.key, "seq": floor.seq, "digest": floor.digest, "revocations": floor.revocations,
        "event": progress.event, "catalogue": progress.catalogue, "releases": progress.releases,
    }  # fmt: skip


def decode_memory(value: Mapping[str, Json]) -> tuple[Floor, Progress]:
    """What was kept; nothing where it was never written."""

    def count(name: str) -> int:
        found = value.get(name)
        return found if type(found) is int and found >= 0 else 0

    def text(name: str) -> str:
        found = value.get(name)
        return found if isinstance(found, str) else ""

    floor = Floor(text("key"), count("seq"), text("digest"), count("revocations"))
    return floor, Progress(count("event"), text("catalogue"), count("releases"))
