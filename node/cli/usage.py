"""What click says about a wrong command line, as this program's own errors: a code, both languages, near names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

import click

from protocol.errors import UsageError


def unknown_command(name: str, known: Iterable[str]) -> UsageError:
    """There is no such command."""
    return UsageError("usage.unknown_command", name=name, near=near(name, known) or "ooder --help")


def near(name: str, known: Iterable[str]) -> str:
    """The names somebody may have meant, best first; "" for none."""
    return ", ".join(difflib.get_close_matches(name, list(known), n=3, cutoff=0.5))


def read_usage_error(error: click.UsageError) -> UsageError:
    """The error as ours. What click words itself and nobody meets often stays in its words."""
    command = error.ctx.command_path if error.ctx else "ooder"
    if isinstance(error, click.NoSuchOption):
        options = [name for one in (error.ctx.command.params if error.ctx else ()) for name in one.opts]
        close = near(error.option_name, options) or f"{command} --help"
        return UsageError("usage.unknown_option", name=error.option_name, command=command, near=close)
    if isinstance(error, click.MissingParameter):
        name = (error.param.name or "?").upper() if error.param else str(error.param_hint or "?")
        return UsageError("usage.missing", name=name, command=command)
    kind = error.param.type if isinstance(error, click.BadParameter) and error.param else None
    if isinstance(kind, click.Choice):
        name = error.param.opts[-1] if isinstance(error, click.BadParameter) and error.param else "?"
        return UsageError("usage.not_a_choice", name=name, choices=", ".join(map(str, kind.choices)))
    if error.message.startswith("Got unexpected extra argument"):
        extra = error.message.partition("(")[2].rstrip(")")
        return UsageError("usage.too_many", extra=extra, command=command)
    if isinstance(error, click.BadParameter) and error.param:
        return UsageError("usage.bad_value", name=error.param.opts[-1], reason=f"{error.message} ({command} --help)")
    name = getattr(error, "param_hint", None) or "ooder"
    return UsageError("usage.bad_value", name=name, reason=f"{error.format_message()} ({command} --help)")
