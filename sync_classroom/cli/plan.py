"""`init` and `lesson`: roster and plan at the server's own console."""

from __future__ import annotations

import asyncio
import secrets
import tomllib
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from ..domain.booking import NewLesson, SeatRequest
from ..domain.ids import ClassId, ClassroomId, OccurrenceId, SeatId, TeacherId
from ..domain.lesson import LessonState
from ..domain.problems import ProblemError
from ..domain.roster_file import parse_roster
from .language import say
from .offline import Offline, open_offline
from .settings import serve_settings

_KINDS_ZH: Final = {
    "programme": "项目",
    "days": "校历",
    "schools": "学校",
    "classrooms": "教室",
    "classes": "班级",
    "teachers": "教师",
    "terms": "学期",
    "bell_sets": "作息表",
}
_STATES_ZH: Final = {
    LessonState.PLANNED: "待上课",
    LessonState.OPEN: "候课",
    LessonState.LIVE: "上课中",
    LessonState.ENDED: "已下课",
    LessonState.MISSED: "未上",
    LessonState.CANCELLED: "已取消",
}
_LESSON_COLUMNS: Final = (
    ("编号", "id"), ("时间", "time"), ("状态", "state"), ("听课", "seats"), ("课", "lesson"),
)  # fmt: skip
DATE = click.DateTime(formats=["%Y-%m-%d"])


@click.command()
@click.argument("roster_file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def init(obj: Any, roster_file: Path) -> None:
    """Load schools, classrooms, classes and teachers from ROSTER_FILE (TOML).

    Loading again updates what differs and never deletes. Days, terms and bell sets that somebody
    has edited on the calendar's page stay as they are.
    """
    try:
        roster = parse_roster(tomllib.loads(roster_file.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValueError) as error:
        raise ProblemError(
            "roster_invalid",
            f"名册文件 {roster_file} 无法使用：{error}。请改正后重新运行。",
            f"The roster file {roster_file} cannot be used: {error}. Correct it and run again.",
            field="roster_file",
            value=str(roster_file),
        ) from error

    async def work() -> None:
        async with open_offline(serve_settings(obj.settings)) as services:
            change = await services.roster.apply(roster)
        table = Table("", box=SIMPLE_HEAD, pad_edge=False)
        columns = [("新增", "added"), ("更新", "updated"), ("未变", "unchanged")]
        if any(change.kept.values()):
            columns.append(("页面改过，未覆盖", "kept as edited"))
        for zh, en in columns:
            table.add_column(say(zh, en), justify="right")
        for kind in change.added:
            table.add_row(
                say(_KINDS_ZH.get(kind, kind), kind),
                str(change.added[kind]),
                str(change.updated[kind]),
                str(change.unchanged[kind]),
                *([str(change.kept[kind])] if any(change.kept.values()) else []),
            )
        Console().print(table)

    asyncio.run(work())


@click.group()
def lesson() -> None:
    """Lessons on dates."""


def _seat(text: str) -> SeatRequest:
    """`classroom[:class[:expected]]` as a seat."""
    classroom, _, rest = text.partition(":")
    school_class, _, expected = rest.partition(":")
    if expected and not expected.isdigit():
        raise ProblemError(
            "seat_malformed",
            f"--seat {text!r}：应到人数须为数字，写成 教室:班级:人数。",
            f"--seat {text!r}: the expected head count must be a number, CLASSROOM:CLASS:EXPECTED.",
            field="seat",
            value=text,
        )
    return (
        ClassroomId(classroom),
        ClassId(school_class) if school_class else None,
        int(expected) if expected else None,
    )


@lesson.command("add")
@click.option("--title", required=True, help="What the lesson is about.")
@click.option("--subject", required=True, help="Subject, e.g. 英语.")
@click.option("--teacher", required=True, help="Teacher id of a host school.")
@click.option("--classroom", required=True, help="Classroom id of the host school.")
@click.option("--at", "start", required=True, help='Start, local time: "2026-11-24 09:00".')
@click.option(
    "--minutes",
    default=40,
    show_default=True,
    type=click.IntRange(5, 240),
    help="Length.",
)
@click.option(
    "--periods",
    default=1,
    show_default=True,
    type=click.IntRange(1, 8),
    help="How many 课时 it counts for.",
)
@click.option("--grade", type=click.IntRange(1, 9), help="Grade 1–9.")
@click.option(
    "--seat",
    "seats",
    multiple=True,
    required=True,
    help="CLASSROOM[:CLASS[:EXPECTED]], repeatable.",
)
@click.pass_obj
def lesson_add(
    obj: Any,
    title: str,
    subject: str,
    teacher: str,
    classroom: str,
    start: str,
    minutes: int,
    periods: int,
    grade: int | None,
    seats: tuple[str, ...],
) -> None:
    """Plan one lesson; refused if a room, teacher or class is already taken."""
    try:
        naive = datetime.fromisoformat(start)
    except ValueError:
        raise ProblemError(
            "time_malformed",
            f'--at {start!r} 应写成 "2026-11-24 09:00" 这样的时间。',
            f'--at {start!r} is not a time like "2026-11-24 09:00".',
            field="at",
            value=start,
        ) from None

    async def work() -> None:
        async with open_offline(serve_settings(obj.settings)) as services:
            starts_at = naive if naive.tzinfo else naive.replace(tzinfo=services.zone)
            occurrence = await services.lessons.create(
                NewLesson(
                    title=title,
                    subject=subject,
                    teacher=TeacherId(teacher),
                    classroom=ClassroomId(classroom),
                    starts_at=starts_at,
                    ends_at=starts_at + timedelta(minutes=minutes),
                    periods=periods,
                    grade=grade,
                    seats=tuple(_seat(s) for s in seats),
                ),
                actor="console",
                key=secrets.token_hex(16),
            )
            Console().print(f"✔ {occurrence.id}", highlight=False)

    asyncio.run(work())


@lesson.command("list")
@click.option("--from", "first", type=DATE, help="First date (default: today).")
@click.option("--to", "last", type=DATE, help="Last date (default: the first).")
@click.pass_obj
def lesson_list(obj: Any, first: datetime | None, last: datetime | None) -> None:
    """Show the lessons of some days."""

    async def work() -> None:
        async with open_offline(serve_settings(obj.settings)) as services:
            begin = first.date() if first else today_of(services)
            views = await services.lessons.list_views(begin, last.date() if last else begin)
            table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
            for zh, en in _LESSON_COLUMNS:
                # What is copied or compared stays whole; names give way on a narrow console.
                table.add_column(say(zh, en), no_wrap=en != "lesson")
            for view in views:
                o, zone = view.occurrence, services.zone
                state = LessonState.CANCELLED if o.withdrawn else view.run.state
                table.add_row(
                    o.id,
                    f"{o.date}\n{o.starts_at.astimezone(zone):%H:%M}–{o.ends_at.astimezone(zone):%H:%M}",
                    say(_STATES_ZH[state], state.value),
                    str(len(o.active_seats)),
                    f"{o.subject} · {o.title}\n{view.host_school.name}",
                )
            nothing = say("这几天没有课次。", "No lessons on these days.")
            Console().print(table if views else nothing)

    asyncio.run(work())


@lesson.command("cancel")
@click.argument("occurrence")
@click.option("--reason", required=True, help="Why; kept and shown.")
@click.option("--seat", help="Only this seat.")
@click.option(
    "--excused/--unexcused",
    default=True,
    show_default=True,
    help="Whether it drops out of what was due.",
)
@click.pass_obj
def lesson_cancel(obj: Any, occurrence: str, reason: str, seat: str | None, excused: bool) -> None:
    """Withdraw a lesson, or one seat of it."""

    async def work() -> None:
        async with open_offline(serve_settings(obj.settings)) as services:
            await services.lessons.cancel(
                OccurrenceId(occurrence),
                seat=SeatId(seat) if seat else None,
                excused=excused,
                reason=reason,
                actor="console",
                key=secrets.token_hex(16),
            )
        Console().print(f"✔ {seat or occurrence}", highlight=False)

    asyncio.run(work())


def today_of(services: Offline) -> date:
    """The civil day in the programme's zone."""
    return services.clock().astimezone(services.zone).date()
