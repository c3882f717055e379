"""`configure` and `sbom`: what an installed skill needs from this user, and what is installed for other programs to read."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click

from node.cli.main import common_options
from node.cli.screen import show
from node.cli.session import Session
from node.install.store import Store
from node.scene.configuring import configure, installed_skill, missing, settings_body, wanted
from node.scene.reading import read_item
from node.version import __version__
from protocol import limits
from protocol.errors import NotFoundError, OoderError, UsageError
from protocol.install.model import Generation, Installed
from protocol.install.sbom import sbom
from protocol.refs import parse_ref


@click.command("configure")
@click.argument("ref", metavar="skill:ID")
@click.argument("values", nargs=-1, metavar="[KEY=VALUE | KEY]...")
@click.option("--file", "files", multiple=True, metavar="KEY=PATH", help="The value is the content of a file.")
@click.option("--env", "variables", multiple=True, metavar="KEY[=VARIABLE]", help="The value is in the environment.")
@click.option("--unset", multiple=True, metavar="KEY", help="Forget a value.")
@common_options
@click.pass_obj
def configure_command(
    session: Session,
    ref: str,
    values: tuple[str, ...],
    files: tuple[str, ...],
    variables: tuple[str, ...],
    unset: tuple[str, ...],
) -> None:
    """Give an installed skill its settings and secrets; KEY alone is asked for. Without values: which ones are set.

    They are kept outside the package, for this user only; values are never printed.
    """
    skill = installed_skill(Store(session.paths.home), ref)
    given = {
        **dict(_typed(session, text) for text in values),
        **dict(_from_file(text) for text in files),
        **dict(_from_environment(text) for text in variables),
    }
    if given or unset:
        configure(session.paths, skill, given, frozenset(unset))
    rows = wanted(session.paths, skill)
    if session.screen.as_json:
        session.screen.answer({"skill": skill.id, "settings": settings_body(rows)})
        return
    if not rows:
        session.screen.data(session.say("configure.nothing", skill=skill.id))
    for one in rows:
        mark = "✓" if one.given else "✗" if one.setting.required else "·"
        secret = " 🔒" if one.setting.secret else ""
        session.screen.data(f"{mark} {show(one.setting.name)}{secret}  {show(one.setting.description, 120)}")


def report_missing(session: Session, generation: Generation, changed: frozenset[str]) -> None:
    """After an install: what its skills still need from this user; on a terminal it is asked for."""
    store = Store(session.paths.home)
    for item in generation.skills:
        if item.release not in changed or not item.digest:
            continue
        try:
            skill = read_item(store, item)
            left = missing(session.paths, skill)
            if left and session.screen.live and not session.screen.as_json:
                given = {one.name: _ask(one.name, one.secret) for one in left}
                configure(session.paths, skill, {name: value for name, value in given.items() if value})
                left = missing(session.paths, skill)
        except OoderError as error:
            session.screen.error(error)
            continue
        if left:
            names = " ".join(one.name for one in left)
            session.screen.talk(session.say("configure.pending", skill=item.id, names=show(names, 300)))


def _ask(name: str, secret: bool) -> str:
    answer: str = click.prompt(name, default="", show_default=False, hide_input=secret, err=True)
    return answer


def _typed(session: Session, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if equals:
        return name, value
    if session.screen.live and sys.stdin.isatty():
        return name, _ask(name, secret=True)
    raise UsageError("usage.bad_value", name="KEY=VALUE", reason=f"'{text[:80]}' has no value")


def _from_file(text: str) -> tuple[str, str]:
    name, equals, place = text.partition("=")
    try:
        with Path(place).expanduser().open("rb") as file:
            data = file.read(limits.SKILL_SETTINGS_BYTES + 1)
        if not equals or len(data) > limits.SKILL_SETTINGS_BYTES:
            raise UsageError("usage.bad_value", name="--file", reason=f"'{text[:80]}'")
        return name, data.decode("utf-8").removesuffix("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("usage.bad_value", name="--file", reason=f"'{text[:80]}': {type(error).__name__}") from None


def _from_environment(text: str) -> tuple[str, str]:
    name, _, variable = text.partition("=")
    value = os.environ.get(variable or name)
    if value is None:
        raise UsageError("usage.bad_value", name="--env", reason=f"{variable or name} is not set")
    return name, value


@click.command("sbom")
@click.argument("ref", required=False)
@common_options
@click.pass_obj
def sbom_command(session: Session, ref: str | None) -> None:
    """A CycloneDX 1.6 bill of materials of what is installed, or of REF with everything it needs."""
    current = Store(session.paths.home).current()
    items: tuple[Installed, ...] = current.items
    if ref is not None:
        target = parse_ref(ref)
        roots = [one for one in current.find(target.kind, target.id) if target.version in ("", one.version)]
        if not roots:
            raise NotFoundError("install.not_installed", ref=ref)
        items = current.closure(roots)
    session.screen.data(json.dumps(sbom(items, current.at, __version__), ensure_ascii=False, indent=2))
