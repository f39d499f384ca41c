"""`simulate term`: a made-up term in a database of its own, to judge pages and reports by."""

from __future__ import annotations

import asyncio
import secrets
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from ..app import Ready, ServeSettings, utc_now
from ..app import serve as run_coordinator
from ..config import ENV_PREFIX
from ..coordinator.ports import Store
from ..domain.accounts import Role
from ..domain.problems import ProblemError, ProblemKind
from ..domain.roster import Roster, Term
from ..domain.roster_file import parse_roster
from ..machine import own_folder
from ..simulator.term.term import Day, PlanEdit, SimulatedTerm
from ..store.simulation import is_marked_file
from .demo import ROSTER_FILE, check_ports
from .language import say
from .logs import configure_logs
from .offline import Offline, open_offline
from .settings import local_settings, serve_settings

FOLDER: Final = Path("var/simulated-term")
DATABASE_FILE: Final = "sync_classroom.db"
MAX_SEED: Final = 2**31 - 1
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: how many lessons and facts, and how to sign in."""

    lessons: int
    facts: int
    logins: tuple[tuple[str, str], ...]


@click.command("term")
@click.option(
    "--seed",
    default=1,
    show_default=True,
    type=click.IntRange(0, MAX_SEED),
    help="The same seed (with the same dates), the same term to the last byte.",
)
@click.option("--weeks", type=click.IntRange(1, 60), help="Only so many weeks of the term.")
@click.option(
    "--until",
    type=click.DateTime(formats=["%Y-%m-%d"]),
    help="Last date with lessons held (default: yesterday, or the term's last day).",
)
@click.option(
    "--rooms", default=48, show_default=True, type=click.IntRange(8, 48), help="Remote classrooms."
)
@click.option(
    "--folder",
    default=FOLDER,
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the database goes; what was simulated there before is replaced.",
)
@click.option("--serve", "serving", is_flag=True, help="Serve it afterwards, until Ctrl-C.")
@click.option(
    "--port",
    default=8080,
    show_default=True,
    type=click.IntRange(1024, 65000),
    help="Pages, with --serve; the relay takes the next two.",
)
def simulate_term(
    seed: int,
    weeks: int | None,
    until: datetime | None,
    rooms: int,
    folder: Path,
    serving: bool,
    port: int,
) -> None:
    """Write a plausible term into a database of its own, marked as simulated.

    Late hosts, dead terminals, bad lines, crashes, holidays, moves and cancellations, research
    meetings and pushes. A database that does not bear the mark is never touched.
    """
    console = Console(highlight=False, soft_wrap=True)
    settings = local_settings(folder, port)
    if serving:
        check_ports(settings)
    served = serve_settings(settings, stop_relay=True)
    roster = _roster(served)
    term = _term(roster, utc_now().astimezone(ZoneInfo(roster.timezone)).date())
    last = _last_day(term, weeks, until and until.date(), roster.timezone)
    simulated = SimulatedTerm(
        roster, term.id, seed=seed, until=last, rooms=rooms, zone=ZoneInfo(roster.timezone)
    )
    with own_folder(folder):
        _make_room(folder / DATABASE_FILE)
        written = asyncio.run(_write(served, simulated, console))
    _print(console, folder, simulated, written, serving)
    if serving:
        configure_logs(settings.log)
        asyncio.run(run_coordinator(served, ready=lambda ready: _print_address(console, ready)))


def _roster(settings: ServeSettings) -> Roster:
    """The city's roster with the national days of its terms."""
    roster = parse_roster(tomllib.loads(ROSTER_FILE.read_text("utf-8")))
    years = {y for t in roster.terms.values() for y in range(t.first_day.year, t.last_day.year + 1)}
    return replace(roster, national=settings.national(years))


def _term(roster: Roster, today: date) -> Term:
    """The term of today, else the last one that has begun, else the first."""
    terms = sorted(roster.terms.values(), key=lambda t: t.first_day)
    return next((t for t in reversed(terms) if t.first_day <= today), terms[0])


def _last_day(term: Term, weeks: int | None, until: date | None, timezone: str) -> date:
    """The last simulated date, within the term and its first `weeks`."""
    if until is not None and not term.first_day <= until <= term.last_day:
        raise ProblemError(
            "until_outside_term",
            f"--until {until} 不在学期 {term.first_day} 至 {term.last_day} 内。请选学期内的一天。",
            f"--until {until} is outside the term, {term.first_day} to {term.last_day}. Choose one"
            " of its days.",
            field="--until",
            value=until,
        )
    if until is None:
        yesterday = utc_now().astimezone(ZoneInfo(timezone)).date() - _DAY
        until = yesterday if term.first_day <= yesterday <= term.last_day else term.last_day
    if weeks is not None:
        until = min(until, term.week1_monday + timedelta(weeks=weeks) - _DAY)
    return until


def _make_room(file: Path) -> None:
    """Take away what was simulated before; refuse to touch anything else."""
    if not file.exists():
        return
    if not is_marked_file(file):
        raise ProblemError(
            "database_not_simulated",
            f"{file} 不是模拟数据的数据库，不会改动它。请用 --folder 指定另一个文件夹。",
            f"{file} is not a database of simulated data and is left alone. Choose another folder"
            " with --folder.",
            kind=ProblemKind.CONFLICT,
            field="--folder",
            value=str(file),
        )
    for part in file.parent.glob(f"{file.name}*"):
        part.unlink()


async def _write(settings: ServeSettings, term: SimulatedTerm, console: Console) -> Written:
    columns = (
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(), TextColumn("{task.fields[note]}"),
    )  # fmt: skip
    with Progress(*columns, console=console) as progress:
        plan = progress.add_task(say("课表", "timetable"), total=len(term.edits), note="")
        days = (term.until - term.term.first_day).days + 1
        evidence = progress.add_task(say("记录", "evidence"), total=days, note="")

        def tell(step: PlanEdit | Day, facts: int) -> None:
            if isinstance(step, PlanEdit):
                progress.advance(plan)
            else:
                progress.update(evidence, advance=1, note=f"{step.date} · {facts:,}")

        async with open_offline(settings) as services:
            facts = await write_term(services.store, term, at=services.clock(), tell=tell)
            sums = progress.add_task(say("汇总", "sums"), total=1, note="")
            await services.coverage.settle()
            progress.advance(sums)
            logins = await _accounts(services)
    return Written(len(term.occurrences), facts, logins)


async def write_term(
    store: Store,
    term: SimulatedTerm,
    *,
    at: datetime,
    tell: Callable[[PlanEdit | Day, int], None] = lambda _step, _facts: None,
) -> int:
    """Write a term into an empty database and mark that as simulated; how many facts it has.

    `tell` hears of every change and every day that is written, with the facts so far.
    """
    if not await store.mark_simulated(seed=term.seed, until=term.until, at=at):
        raise ValueError("the database is not empty")
    await store.apply_roster(term.roster)
    count = 0
    for edit in term.edits:
        await _change_plan(store, edit)
        tell(edit, count)
    for day in term.days():
        await store.add_pushes(day.pushes, key=f"simulated-pushes-{day.date}")
        await store.save_runs(day.runs)
        if day.facts:
            count += await store.append_facts(day.facts, received_at=day.received_at)
        if day.noted:
            await store.append_samples(day.noted, received_at=day.received_at)
        tell(day, count)
    return count


async def _change_plan(store: Store, edit: PlanEdit) -> None:
    """Store one change as the server would have: by way of a draft, if it was published."""
    change, step = edit.change, edit.step
    if step is not None and change.edition is not None:
        term = change.edition.term
        head, _ = await store.draft_head(term)
        revision = await store.add_step(term, step, revision=head)
        assert revision is not None, "nobody else edits here"
        change = replace(change, edition=replace(change.edition, revision=revision))
    await store.change_plan(change, gap_s=0)


async def _accounts(services: Offline) -> tuple[tuple[str, str], ...]:
    """One of each kind that looks at figures; login and password."""
    logins = []
    for role, name in ((Role.ADMIN, "管理员（模拟）"), (Role.REVIEWER, "教育局（模拟）")):
        password = secrets.token_urlsafe(9)
        await services.accounts.add_user(login=role.value, name=name, role=role, password=password)
        logins.append((role.value, password))
    return tuple(logins)


def _print(
    console: Console, folder: Path, term: SimulatedTerm, written: Written, serving: bool
) -> None:
    first, last = term.term.first_day, term.until
    console.print(
        say(
            f"✔ 模拟数据 {first} 至 {last}，种子 {term.seed}：{written.lessons} 节课，"
            f"{written.facts:,} 条记录。",
            f"✔ Simulated data, {first} to {last}, seed {term.seed}: {written.lessons} lessons,"
            f" {written.facts:,} facts.",
        )
    )
    sign_in, word = say("账号", "sign in as"), say("密码", "password")
    for login, password in written.logins:
        console.print(f"  {sign_in} [bold]{login:<8}[/]  {word} [bold]{password}[/]")
    if not serving:
        command = " ".join(f"{k}={v}" for k, v in environment(folder).items())
        console.print(f"  {command} sync-classroom serve --stop-relay")


def environment(folder: Path) -> Mapping[str, Any]:
    """What tells `serve` to use the simulated database."""
    return {
        f"{ENV_PREFIX}SERVER__DATA_DIR": folder,
        f"{ENV_PREFIX}STORE__URL": "''",
        f"{ENV_PREFIX}STORE__REDIS_URL": "''",
    }


def _print_address(console: Console, ready: Ready) -> None:
    console.print(
        say(
            f"[bold]{ready.url}/coverage[/]  模拟学期的覆盖情况。按 Ctrl-C 结束。",
            f"[bold]{ready.url}/coverage[/]  coverage of the simulated term. Ctrl-C ends it.",
        )
    )
