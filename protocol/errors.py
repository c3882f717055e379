"""The error tree: one class per fault, one stable code per reason.

The class says whose fault it is, the code says what happened, the parameters say where. The text a person reads is looked up
in `protocol.messages` by code and language, so a machine and a person are told the same thing. Raising a code that has no
message is a programming error and fails at once.

>>> str(DataError("ref.malformed", text="scene"))
"'scene' is not a ref; write kind:id or kind:id@version"
"""

from __future__ import annotations

from typing import ClassVar

from protocol.messages import render

Param = str | int | float | bool | None | list[str]


class OoderError(Exception):
    """Root of every error this project raises on purpose.

    `code` is stable and English, `params` fill the message (and are JSON values), `fault` names the guilty side.
    """

    fault: ClassVar[str] = "node"

    def __init__(self, code: str, **params: Param) -> None:
        self.code = code
        self.params = params
        super().__init__(render(code, params, "en").text)

    def text(self, language: str = "en") -> str:
        """What happened, in `language` ("en" or "zh")."""
        return render(self.code, self.params, language).text

    def next_step(self, language: str = "en") -> str:
        """What the person can do now, in `language`; empty when there is nothing to do."""
        return render(self.code, self.params, language).next_step

    def body(self, language: str = "en") -> dict[str, object]:
        """The one JSON error body used by the command line and the API."""
        return {
            "code": self.code,
            "message": self.text(language),
            "next_step": self.next_step(language),
            "fault": self.fault,
            "params": dict(self.params),
        }


class UsageError(OoderError):
    """The caller asked for something that cannot be asked."""

    fault = "call"


class NotFoundError(OoderError):
    """What was asked for is not known here."""

    fault = "call"


class DataError(OoderError):
    """Bytes from outside are not what they should be."""

    fault = "data"


class UnavailableError(OoderError):
    """A source, peer or network cannot be reached now. `retry_after` (seconds) may be among the parameters."""

    fault = "wire"


class StorageError(OoderError):
    """The disk or the index did not do what was asked."""

    fault = "disk"


class PolicyError(OoderError):
    """Trust or policy forbids it."""

    fault = "policy"


class ConflictError(OoderError):
    """Two things that cannot both hold; `causes` explains."""

    fault = "conflict"


class IntegrityError(OoderError):
    """Bytes do not match the digest or signature that names them."""

    fault = "integrity"


def first_error(error: Exception) -> Exception:
    """The first real error inside groups of task errors."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
