"""Exit codes (docs/reference/cli.md). Scripts rely on them: never renumber."""

from __future__ import annotations

from enum import IntEnum

from protocol.errors import (
    ConflictError,
    IntegrityError,
    NotFoundError,
    OoderError,
    PolicyError,
    UnavailableError,
    UsageError,
)


class ExitCode(IntEnum):
    """What a command leaves behind."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    PARTIAL = 4
    OFFLINE = 5
    REFUSED = 6
    CONFLICT = 7
    INTEGRITY = 8
    INTERRUPTED = 130


_BY_ERROR: tuple[tuple[type[OoderError], ExitCode], ...] = (
    (UsageError, ExitCode.USAGE),
    (NotFoundError, ExitCode.NOT_FOUND),
    (UnavailableError, ExitCode.OFFLINE),
    (PolicyError, ExitCode.REFUSED),
    (ConflictError, ExitCode.CONFLICT),
    (IntegrityError, ExitCode.INTEGRITY),
)


def exit_code_of(error: OoderError) -> ExitCode:
    """The code for an error; anything without a code of its own is FAILED."""
    if error.code.startswith("ref."):
        return ExitCode.USAGE
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), ExitCode.FAILED)
