"""The lock file: the installed set as TOML that people can review in a diff (SECURITY 3.5).

Sorted, LF, one value per line, so two equal sets give equal bytes. The lock is a projection of a generation; installing from
it resolves nothing and accepts bytes from any place that match the digest.

>>> print(encode_lock(()), end="")
# Written by ooder with every commit; edit nothing here, use: ooder install, update, uninstall.
lock-version = 1
created-by = "ooder"
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable

from protocol import limits
from protocol.install.codec import bad, check_item, flag, number, real, rows, text, texts
from protocol.install.model import FORMAT, Installed, Origin, Route
from protocol.refs import Kind

_HEAD = "# Written by ooder with every commit; edit nothing here, use: ooder install, update, uninstall.\n"
_TABLES = {"scene": Kind.SCENE, "capability": Kind.CAPABILITY, "skill": Kind.SKILL}


def encode_lock(items: Iterable[Installed]) -> str:
    """The text of `ooder.lock`."""
    blocks = [f'{_HEAD}lock-version = {FORMAT}\ncreated-by = "ooder"\n']
    ordered = sorted(items, key=lambda item: (list(_TABLES.values()).index(item.kind), item.release))
    blocks += [_block(item) for item in ordered]
    return "\n".join(blocks)


def decode_lock(document: str) -> tuple[Installed, ...]:
    """The items of a lock file, `required_by` empty. Raises DataError `install.bad_record`."""
    if len(document) > limits.GENERATION_BYTES:
        raise bad("lock", f"longer than {limits.GENERATION_BYTES} characters")
    try:
        table = tomllib.loads(document)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise bad("lock", str(error)) from None
    if table.get("lock-version") != FORMAT:
        raise bad("lock", f"lock-version {table.get('lock-version')!r} is not {FORMAT}")
    unknown = sorted(set(table) - {"lock-version", "created-by", *_TABLES})
    if unknown:
        raise bad("lock", f"unknown table {unknown[0]!r}")
    return tuple(
        check_item(item)
        for name, kind in _TABLES.items()
        for item in rows(table, name, lambda row, kind=kind: _read(kind, row))  # type: ignore[misc]
    )


def _read(kind: Kind, row: dict[str, object]) -> Installed:
    return Installed(
        kind=kind,
        id=text(row, "name"),
        version=text(row, "version"),
        principal=text(row, "principal"),
        digest=text(row, "tree"),
        size=number(row, "size"),
        files=number(row, "files"),
        trust=text(row, "trust"),
        key=text(row, "key"),
        sources=rows(
            row, "sources", lambda o: Origin(text(o, "kind"), text(o, "url"), text(o, "commit"), text(o, "sha256"))
        ),
        needs=texts(row, "deps"),
        requested=flag(row, "requested"),
        first_seen=real(row, "first-seen"),
        routes=rows(row, "routes", lambda r: Route(text(r, "capability"), texts(r, "skills"), text(r, "strategy"))),
    )


def _block(item: Installed) -> str:
    table = next(name for name, kind in _TABLES.items() if kind is item.kind)
    lines = [
        f"[[{table}]]",
        f"name = {_string(item.id)}",
        f"version = {_string(item.version)}",
        f"principal = {_string(item.principal)}",
        f"tree = {_string(item.digest)}",
        f"size = {item.size}",
        f"files = {item.files}",
        f"trust = {_string(item.trust)}",
        f"key = {_string(item.key)}",
        f"requested = {'true' if item.requested else 'false'}",
        f"first-seen = {float(item.first_seen)!r}",
        *_array("sources", (_origin(origin) for origin in sorted(item.sources))),
        *_array("deps", (_string(name) for name in sorted(item.needs))),
        *_array("routes", (_route(route) for route in sorted(item.routes))),
    ]
    return "\n".join(lines) + "\n"


def _array(name: str, values: Iterable[str]) -> list[str]:
    listed = list(values)
    return [f"{name} = [", *(f"  {value}," for value in listed), "]"] if listed else []


def _origin(origin: Origin) -> str:
    pairs = {"kind": origin.kind, "url": origin.url, "commit": origin.commit, "sha256": origin.sha256}
    return "{ " + ", ".join(f"{key} = {_string(value)}" for key, value in pairs.items() if value) + " }"


def _route(route: Route) -> str:
    skills = ", ".join(_string(name) for name in route.skills)
    return f"{{ capability = {_string(route.capability)}, skills = [{skills}], strategy = {_string(route.strategy)} }}"


def _string(value: str) -> str:
    """A TOML basic string; controls, quotes and lone surrogates never reach the file raw."""
    out = []
    for char in value:
        code = ord(char)
        if char in '"\\':
            out.append("\\" + char)
        elif code < 0x20 or 0x7F <= code <= 0x9F:
            out.append(f"\\u{code:04X}")
        else:
            out.append("\N{REPLACEMENT CHARACTER}" if 0xD800 <= code <= 0xDFFF else char)
    return '"' + "".join(out) + '"'
