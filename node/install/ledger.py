"""What is written down about generations: `current`, `gen/<n>.json` and the intents `tx/<n>.json` below the store's root.

Replacing the file `current` is the commit point. A reader needs no lock: it reads `current`, then that generation, and starts
over if garbage collection took the file away in between. SECURITY 3.1.
"""

from __future__ import annotations

import errno
import json
from dataclasses import dataclass

from node.install.files import Folder
from protocol import limits
from protocol.errors import DataError, NotFoundError, OoderError, StorageError
from protocol.install.codec import decode_generation, encode_generation, flag, number, read_json, text, texts
from protocol.install.model import EMPTY, FORMAT, Generation

CURRENT, GENERATIONS, INTENTS = "current", "gen", "tx"
_SUFFIX = ".json"


@dataclass(frozen=True, slots=True)
class Intent:
    """What a commit is about to do, durable before it does it. `adds` are the trees (hex) it may bring into the store;
    `activation` asks that the intent stays, after the commit, until `settle` is called for its number."""

    number: int
    reason: str
    adds: tuple[str, ...] = ()
    activation: bool = False


def read_current(root: Folder) -> int:
    """The number of the current generation, 0 before the first one. Raises StorageError `store.damaged`."""
    try:
        content = root.read(CURRENT, 32)
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise _damaged(error, 0) from error
    if not content.strip().isdigit():
        raise StorageError("store.damaged", number=0, reason="the file 'current' is no number")
    return int(content)


def _damaged(error: OSError, number: int) -> Exception:
    """A file longer than any we write was not written by us; every other failure is the disk's."""
    return StorageError("store.damaged", number=number, reason=str(error)) if error.errno == errno.EFBIG else error


def read_generation(root: Folder, wanted: int) -> Generation:
    """One generation. Raises NotFoundError `install.no_generation`, StorageError `store.damaged`."""
    if wanted == 0:
        return EMPTY
    try:
        with root.open(GENERATIONS) as folder:
            data = folder.read(f"{wanted}{_SUFFIX}", limits.GENERATION_BYTES)
    except FileNotFoundError:
        raise NotFoundError("install.no_generation", number=wanted) from None
    except OSError as error:
        raise _damaged(error, wanted) from error
    try:
        generation = decode_generation(data)
    except OoderError as error:
        raise StorageError("store.damaged", number=wanted, reason=str(error)) from error
    if generation.number != wanted:
        raise StorageError("store.damaged", number=wanted, reason=f"it calls itself {generation.number}")
    return generation


def read_now(root: Folder) -> Generation:
    """The current generation, also while others commit and collect garbage."""
    wanted = read_current(root)
    while True:
        try:
            return read_generation(root, wanted)
        except NotFoundError:
            again = read_current(root)
            if again == wanted:
                raise StorageError("store.damaged", number=wanted, reason="its file is missing") from None
            wanted = again


def numbers(root: Folder, place: str) -> list[int]:
    """The numbers for which there is a file in `gen` or `tx`, in order."""
    if not root.is_folder(place):
        return []
    with root.open(place) as folder:
        stems = (name.removesuffix(_SUFFIX) for name in folder.names() if name.endswith(_SUFFIX))
        return sorted(int(stem) for stem in stems if stem.isdigit())


def write_generation(root: Folder, generation: Generation) -> None:
    """Make a generation last; it is not the current one yet."""
    with root.ensure(GENERATIONS) as folder:
        folder.replace(f"{generation.number}{_SUFFIX}", encode_generation(generation), "gen")


def switch(root: Folder, wanted: int) -> None:
    """The commit point. When this raises, only reading `current` again tells on which side of it we are."""
    root.replace(CURRENT, b"%d\n" % wanted, "current")


def write_intent(root: Folder, intent: Intent) -> None:
    """Make an intent last."""
    row = {
        "format": FORMAT,
        "number": intent.number,
        "reason": intent.reason,
        "adds": list(intent.adds),
        "activation": intent.activation,
    }
    with root.ensure(INTENTS) as folder:
        folder.replace(f"{intent.number}{_SUFFIX}", json.dumps(row, sort_keys=True).encode() + b"\n", "tx")


def read_intent(root: Folder, wanted: int) -> Intent:
    """One intent; one that cannot be read (somebody edited it) is as good as one that adds nothing."""
    try:
        with root.open(INTENTS) as folder:
            row = read_json(folder.read(f"{wanted}{_SUFFIX}", limits.GENERATION_BYTES), "intent")
        return Intent(number(row, "number"), text(row, "reason"), texts(row, "adds"), flag(row, "activation"))
    except DataError:
        return Intent(wanted, "")


def remove_numbered(root: Folder, place: str, unwanted: int) -> None:
    """Take the file of one number away, if it is there."""
    if root.is_folder(place):
        with root.open(place) as folder:
            folder.remove(f"{unwanted}{_SUFFIX}")
