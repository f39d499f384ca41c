"""`calendar`: one school's dates at the console, each with what it follows and why."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from typing import Any, Final

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from ..domain.calendar import DayAnswer, DaySource, Parity
from ..domain.ids import SchoolId
from .language import say
from .offline import open_offline
from .plan import DATE
from .settings import serve_settings

_WEEKDAYS_ZH: Final = "一二三四五六日"
_WEEKDAYS_EN: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_COLUMNS: Final = (
    ("日期", "date"), ("上课", "teaching"), ("按", "follows"), ("周次", "week"),
    ("作息表", "bell set"), ("来源", "source"), ("原因", "reason"),
)  # fmt: skip
_SOURCES_ZH: Final = {
    DaySource.DEFAULT: "默认",
    DaySource.HOLIDAY: "国家节假日",
    DaySource.MAKE_UP: "国家调休",
    DaySource.ALL_SCHOOLS: "全部学校",
    DaySource.SCHOOL: "本校",
}
_PARITIES_ZH: Final = {Parity.ODD: "单", Parity.EVEN: "双"}


@click.command()
@click.option("--school", required=True, help="Which school, by its id in the roster.")
@click.option("--from", "first", type=DATE, help="First date (default: today).")
@click.option("--to", "last", type=DATE, help="Last date (default: the first).")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    help="A table for people, or a JSON list.",
)
@click.pass_obj
def calendar(
    obj: Any, school: str, first: datetime | None, last: datetime | None, form: str
) -> None:
    """Show a school's days: teaching or not, which weekday's timetable, which week, and why."""

    async def work() -> None:
        async with open_offline(serve_settings(obj.settings)) as services:
            begin = first.date() if first else services.clock().astimezone(services.zone).date()
            end = last.date() if last else begin
            answers = services.calendar.days(SchoolId(school), begin, end)
        if form == "json":
            click.echo(json.dumps([row(a) for a in answers], ensure_ascii=False, indent=1))
            return
        table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
        for zh, en in _COLUMNS:
            table.add_column(say(zh, en), no_wrap=en == "date", overflow="fold")
        for answer in answers:
            table.add_row(*_cells(answer))
        Console().print(table)

    asyncio.run(work())


def row(answer: DayAnswer) -> dict[str, Any]:
    """One date as JSON; `reason` is in the console's language."""
    return {
        "date": answer.date.isoformat(),
        "teaching": answer.teaching,
        "follows_weekday": answer.weekday,
        "week": answer.week,
        "parity": answer.parity,
        "bell_set": answer.bell_set.id if answer.bell_set is not None else None,
        "source": answer.source,
        "reason": say(answer.reason.zh, answer.reason.en),
    }


def _cells(answer: DayAnswer) -> tuple[str, ...]:
    week = "—"
    if answer.week is not None and answer.parity is not None:
        week = say(
            f"{answer.week}（{_PARITIES_ZH[answer.parity]}）", f"{answer.week} {answer.parity}"
        )
    follows = _weekday(answer.weekday) if answer.weekday else "—"
    if answer.unmapped:
        follows = say("? 未定", "? unmapped")
    return (
        f"{answer.date} {_weekday(answer.date.isoweekday())}",
        say("上课", "yes") if answer.teaching else say("不上课", "no"),
        follows,
        week,
        answer.bell_set.id if answer.bell_set is not None else "—",
        say(_SOURCES_ZH[answer.source], answer.source.value.replace("_", " ")),
        say(answer.reason.zh, answer.reason.en),
    )


def _weekday(number: int) -> str:
    return say(f"周{_WEEKDAYS_ZH[number - 1]}", _WEEKDAYS_EN[number - 1])
