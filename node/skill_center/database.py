"""What a store needs of SQL. Statements are the same for every database: `?` for values, types all of them know."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
Values = Sequence[object]


class Session(Protocol):
    """Inside one transaction."""

    def all(self, statement: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """Every row."""

    def run(self, statement: str, values: Values = ()) -> int:
        """How many rows it touched."""

    def many(self, statement: str, values: Iterable[Values]) -> None:
        """The same statement for many rows."""


class Database(Protocol):
    """Blocking, for any thread. Raises StorageError `center.database`, `center.busy`."""

    shared: bool
    """Whether other replicas write here too."""

    def transact(self, work: Callable[[Session], T]) -> T:
        """Do `work` in a transaction that no other writer, in whatever process, runs beside."""

    def read(self, work: Callable[[Session], T]) -> T:
        """Do `work` on one state of the data."""

    def listen(self, tell: Callable[[], None]) -> None:
        """Call `tell`, from some thread, after everything that was written here or by another replica. It may be called too
        often, and when a connection breaks a call may be missing: listeners also look by themselves from time to time."""

    def close(self) -> None:
        """Give everything back."""


def one(rows: Sequence[tuple[Any, ...]], default: Any = None) -> Any:
    """The only value of the only row."""
    return rows[0][0] if rows else default
