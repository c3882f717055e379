"""`install`, `uninstall`, `rollback`, `update`, `outdated`: changing what is installed, with a plan first."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import click

from node.cli.configure import report_missing
from node.cli.detail_page import size
from node.cli.exit_codes import ExitCode
from node.cli.main import common_options
from node.cli.plan_page import grouped, print_plan, sentence
from node.cli.queue import enqueue, wants_queue
from node.cli.scan import run_scan
from node.cli.screen import show
from node.cli.session import Session
from node.install.engine import Engine
from node.install.fetch import Deliverer
from node.install.installer import Outcome, not_agreed
from node.install.plan_body import plan_body
from node.install.planning import PlanOptions
from node.install.queue import is_waiting_matter, waiting_for
from node.install.steps import ORDER, StepEvent
from node.scene.node_agents import agents_of
from protocol import limits
from protocol.errors import NotFoundError, OoderError, UsageError
from protocol.install.apply import check
from protocol.install.lockfile import decode_lock
from protocol.install.model import Generation, Installed
from protocol.install.planned import Asked, InstallPlan, Question


@click.command("install")
@click.argument("target")
@click.option("--plan", "only_plan", is_flag=True, help="Show the plan and stop.")
@click.option("--yes", "-y", is_flag=True, help="Agree to everything the plan asks, except to unverified bytes.")
@click.option(
    "--digest", "digests", multiple=True, metavar="SHA256", help="Agree to exactly these bytes; may be repeated."
)
@click.option("--with", "providers", multiple=True, metavar="CAP=SKILL", help="Which skill shall provide a capability.")
@click.option("--owner", "owners", multiple=True, metavar="REF=PRINCIPAL", help="Whose item is meant.")
@click.option("--frozen", is_flag=True, help="Exactly what the lock says; nothing is resolved.")
@click.option(
    "--lock",
    "lock_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A lock file from elsewhere, followed to the letter.",
)
@click.option("--pre", is_flag=True, help="Pre-releases count too.")
@click.option("--no-optional", is_flag=True, help="Without optional dependencies.")
@click.option("--queue", is_flag=True, help="When it cannot be had now: install it by itself when a source is back.")
@click.option("--why", is_flag=True, help="Why each item is part of it, and why it is trusted so far.")
@common_options
@click.pass_context
def install_command(
    ctx: click.Context,
    /,
    target: str,
    only_plan: bool,
    yes: bool,
    why: bool,
    queue: bool,
    lock_file: Path | None,
    **options: Any,
) -> None:
    """Install a scene or skill with everything it needs.

    TARGET is scene:ID, skill:ID[@VERSION], a folder, a package file, a SKILL.md, a place in a git repository
    (https://host/owner/repo.git//FOLDER@REF), or the https address of a package.
    """
    session: Session = ctx.obj
    engine = engine_of(session)
    if session.service.never_scanned() and not session.config.settings.offline:
        session.screen.talk(session.say("first_run"))
        run_scan(session)
    lock = None if lock_file is None else read_lock(lock_file)
    wishes = read_options({**options, "frozen": options["frozen"] or lock is not None})
    plan: InstallPlan | None = None
    try:
        plan = engine.plan(target, wishes, lock=lock)
        if only_plan or not session.screen.as_json:
            show_plan(session, plan, why=why)
        if only_plan or plan.is_done:
            ctx.exit(ExitCode.OK)
        carry_out(ctx, engine, plan, yes=yes)
    except OoderError as error:
        if only_plan or wishes.frozen or not is_waiting_matter(error) or not wants_queue(session, target, asked=queue):
            raise
        enqueue(session, engine, waiting_for(target, wishes, error, session.service.now()), plan)
        ctx.exit(ExitCode.PARTIAL)


def engine_of(session: Session) -> Engine:
    """The engine, with the running node's scene agents where there is one."""
    return Engine(session.service, agents_of(session.paths, session.speaker.language))


def read_options(options: dict[str, Any]) -> PlanOptions:
    """Flags as plan options."""
    return PlanOptions(
        providers=dict(_pair(text, "--with") for text in options.get("providers", ())),
        owners=dict(_pair(text, "--owner") for text in options.get("owners", ())),
        digests=frozenset(options.get("digests", ())),
        optional=not options.get("no_optional"),
        pre_releases=bool(options.get("pre")),
        upgrade=bool(options.get("upgrade")),
        frozen=bool(options.get("frozen")),
    )


def read_lock(path: Path) -> tuple[Installed, ...]:
    """A lock file. Raises NotFoundError `install.no_package`, DataError `install.bad_record`, `install.dangling`."""
    try:
        with path.open("rb") as stream:
            data = stream.read(limits.GENERATION_BYTES + 1)
    except OSError:
        raise NotFoundError("install.no_package", path=str(path)) from None
    items = decode_lock(data.decode("utf-8", "replace"))
    return check(Generation(0, 0.0, "", items=items)).items


def _pair(text: str, option: str) -> tuple[str, str]:
    left, equals, right = text.partition("=")
    if not (left and equals and right):
        raise UsageError("usage.bad_value", name=option, reason=f"'{text}' is not NAME=VALUE")
    return left.removeprefix("cap:"), right.removeprefix("skill:") if option == "--with" else right


def show_plan(session: Session, plan: InstallPlan, *, why: bool) -> None:
    """Print a plan, or answer it as JSON."""
    if session.screen.as_json:
        session.screen.answer(plan_body(plan, session.speaker.language))
    else:
        print_plan(session, plan, why=why)


def carry_out(
    ctx: click.Context, engine: Engine, plan: InstallPlan, *, yes: bool, more: Mapping[str, Deliverer] | None = None
) -> None:
    """Ask, install with progress, report, leave with the right code."""
    session: Session = ctx.obj
    agreed = agree(session, plan, yes=yes, digests=frozenset(ctx.params.get("digests") or ()))
    try:
        outcome = asyncio.run(engine.install(plan, agreed, teller(session), more))
    except KeyboardInterrupt:
        # A commit that had begun is completed before the interrupt gets here.
        number = engine.store.current().number
        late = number != plan.base
        session.screen.talk(session.say("install.interrupted_late" if late else "install.interrupted", n=number))
        ctx.exit(ExitCode.INTERRUPTED)
    report(session, outcome)
    report_missing(session, outcome.generation, frozenset(item.release for item in outcome.changed))
    ctx.exit(ExitCode.PARTIAL if outcome.inactive else ExitCode.OK)


def agree(
    session: Session, plan: InstallPlan, *, yes: bool, digests: frozenset[str] = frozenset()
) -> Collection[Question]:
    """The questions the person says yes to; `digests` were given in full. Raises PolicyError when one is not answered so."""
    if not plan.questions:
        return ()
    exact = [question for question in plan.questions if question.asked is Asked.EXPLICIT_DIGEST]
    by_digest = [question for question in exact if question.digest not in digests]
    if by_digest:
        raise not_agreed(by_digest)
    if yes:
        return plan.questions
    if not session.screen.live or session.screen.as_json:
        raise not_agreed(plan.questions)
    for group in grouped([question for question in plan.questions if question not in exact]):
        if not click.confirm(sentence(session, group), err=True):
            raise not_agreed(group)
    return plan.questions


def teller(session: Session) -> Any:
    """Prints the six steps as they happen; one JSON line each with --json."""
    finished: set[str] = set()

    def tell(event: StepEvent) -> None:
        if session.screen.as_json:
            session.screen.data(json.dumps(event.body(), ensure_ascii=False))
            return
        number = ORDER.index(event.step) + 1
        name = session.say(f"step.{event.step.value}")
        if event.state == "failed":
            session.screen.talk(f"✗ {number}/6 {name}: {show(event.ref)} {show(event.note, 300)}")
        elif event.state == "deferred":
            session.screen.talk(f"· {number}/6 {name}: {session.say('step.deferred')}")
        elif event.state == "completed" and event.step.value not in finished:
            finished.add(event.step.value)
            counted = f" ({event.done})" if event.total else ""
            brought = f", {size(event.size)}, {size(int(event.rate))}/s" if event.size else ""
            session.screen.talk(f"✓ {number}/6 {name}{counted}{brought}")
        elif event.state == "progressed" and event.note:
            session.screen.talk(f"    {show(event.ref)}: {show(event.note, 200)}")

    return tell


def report(session: Session, outcome: Outcome) -> None:
    """What is so now."""
    number = outcome.generation.number
    if session.screen.as_json:
        session.screen.answer(
            {
                "generation": number,
                "changed": [{"ref": str(item.ref), "step": item.step.value} for item in outcome.changed],
                "inactive": {ref: error.body(session.speaker.language) for ref, error in outcome.inactive.items()},
                "pending": {ref: error.body(session.speaker.language) for ref, error in outcome.pending.items()},
            }
        )
        return
    session.screen.data(session.say("install.done", n=len(outcome.changed), generation=number))
    tell_inactive(session, outcome.inactive)
    for ref, error in outcome.pending.items():
        reason = show(error.text(session.speaker.language), 400)
        session.screen.talk(session.say("install.pending", ref=ref, reason=reason))
    if outcome.problem:
        session.screen.talk(show(outcome.problem.text(session.speaker.language), 500))


def tell_inactive(session: Session, inactive: dict[str, OoderError]) -> None:
    """Scenes that are installed and not active, with the reason."""
    for ref, error in inactive.items():
        session.screen.talk(
            session.say("install.inactive", ref=ref, reason=show(error.text(session.speaker.language), 400))
        )


@click.command("update")
@click.argument("target", required=False)
@click.option("--yes", "-y", is_flag=True, help="Agree to everything the plan asks, except to unverified bytes.")
@click.option("--plan", "only_plan", is_flag=True, help="Show the plan and stop.")
@click.option("--digest", "digests", multiple=True, metavar="SHA256", help="Agree to exactly these bytes.")
@common_options
@click.pass_context
def update_command(
    ctx: click.Context, /, target: str | None, yes: bool, only_plan: bool, digests: tuple[str, ...]
) -> None:
    """Update TARGET, or everything that was asked for; anything that widens is asked again."""
    session: Session = ctx.obj
    engine = engine_of(session)
    options = PlanOptions(upgrade=True, digests=frozenset(digests))
    plans = [(target, engine.plan(target, options))] if target else engine.outdated(options)
    for _, plan in plans:
        if isinstance(plan, OoderError):
            session.screen.error(plan)
    if not any(isinstance(plan, InstallPlan) and plan.changes for _, plan in plans):
        if session.screen.as_json:
            session.screen.answer({"outdated": []})
        session.screen.talk(session.say("update.nothing"))
        ctx.exit(ExitCode.OK)
    for ref, plan in plans:
        if isinstance(plan, OoderError):
            continue
        show_plan(session, plan, why=False)
        if not only_plan:
            carry_out_again(session, engine, engine.plan(ref, options), yes=yes, digests=options.digests)
    ctx.exit(ExitCode.OK)


def carry_out_again(
    session: Session, engine: Engine, plan: InstallPlan, *, yes: bool, digests: frozenset[str] = frozenset()
) -> None:
    """Carry out one of several plans."""
    if plan.changes:
        agreed = agree(session, plan, yes=yes, digests=digests)
        report(session, asyncio.run(engine.install(plan, agreed, teller(session))))


@click.command("outdated")
@common_options
@click.pass_obj
def outdated_command(session: Session) -> None:
    """What an update would change."""
    found = engine_of(session).outdated(PlanOptions(upgrade=True))
    if session.screen.as_json:
        rows: list[object] = []
        for ref, plan in found:
            plain = isinstance(plan, InstallPlan)
            rows.append({"ref": ref, **(plan_body(plan, "en") if plain else {"error": plan.body()})})  # type: ignore[arg-type, union-attr]
        session.screen.answer({"outdated": rows})
        return
    if not found:
        session.screen.data(session.say("update.nothing"))
    for ref, plan in found:
        session.screen.data(session.screen.style(ref, bold=True))
        if isinstance(plan, InstallPlan):
            print_plan(session, plan)
        else:
            language = session.speaker.language
            session.screen.data(f"  {show(plan.text(language), 500)}\n  {show(plan.next_step(language), 500)}".rstrip())


@click.command("uninstall")
@click.argument("refs", nargs=-1, required=True, metavar="REF...")
@common_options
@click.pass_obj
def uninstall_command(session: Session, refs: tuple[str, ...]) -> None:
    """Give up what was asked for; what others still need stays, and `rollback` brings it back."""
    engine = engine_of(session)
    before = {item.release for item in engine.store.current().items}
    committed, inactive = asyncio.run(engine.uninstall(refs, lambda event: None))
    gone = sorted(before - {item.release for item in committed.generation.items})
    if session.screen.as_json:
        session.screen.answer({"generation": committed.generation.number, "removed": gone})
        return
    for release in gone:
        session.screen.data(f"- {show(release)}")
    session.screen.data(session.say("install.generation", generation=committed.generation.number))
    tell_inactive(session, inactive)


@click.command("rollback")
@click.argument("generation", type=int, required=False)
@common_options
@click.pass_obj
def rollback_command(session: Session, generation: int | None) -> None:
    """Make an earlier generation the current one again (default: the one before)."""
    engine = engine_of(session)
    committed, inactive = asyncio.run(engine.rollback(generation, lambda event: None))
    if session.screen.as_json:
        session.screen.answer({"generation": committed.generation.number, "reason": committed.generation.reason})
        return
    session.screen.data(
        session.say(
            "install.rolled_back",
            reason=session.speaker.deed(committed.generation.reason),
            generation=committed.generation.number,
        )
    )
    tell_inactive(session, inactive)
