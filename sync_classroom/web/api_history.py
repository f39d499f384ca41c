"""API: a lesson's history, changes at short notice, and what people were told of all this."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

from ..domain.edit_files import command_from
from ..domain.edit_series import unknown_series
from ..domain.history import HistoryEntry
from ..domain.ids import OccurrenceId, SeriesId, TermId
from ..domain.lineage import lineage
from ..domain.notices import Audience, Receipt
from ..domain.problems import ProblemError, ProblemKind
from .api_lessons import LessonOut, lesson_view
from .api_timetable import version_number
from .routes import ApiRoute, Call, In, Out


class AmendIn(In):
    """One command for this lesson; its `lesson` may be left out."""

    command: dict[str, Any]


class NoticedIn(In):
    """What became of the notice: on the screen, or done with."""

    state: Literal["shown", "read"]


class EntryOut(Out):
    """One thing that happened. `old` and `new` hold what differs; `version` is the published
    version it came with, null for a change at short notice."""

    at: datetime
    by: str
    reason: str
    kind: str
    version: int | None
    old: dict[str, Any] | None
    new: dict[str, Any] | None


class HistoryOut(Out):
    """A lesson's history, oldest first."""

    lesson: str
    entries: list[EntryOut]


class RuleChangeOut(Out):
    """What one published version did to a rule. `entry` is as in the version's own entries, `by`
    and `reason` are those of the edit, and `lessons` came or went with it."""

    version: int
    at: datetime
    note: str
    by: str
    reason: str
    kind: str
    series: str
    lessons: int
    entry: dict[str, Any]


class RuleHistoryOut(Out):
    """A rule's history, newest first, at most 500. `lineage` are the rules it was once one with, of
    which each goes on where the one before ends, oldest first, itself among them; the history is
    that of all of them. What only the draft has stands in the draft's steps."""

    series: str
    lineage: list[str]
    changes: list[RuleChangeOut]


class ItemOut(Out):
    """One sentence in both languages about one lesson."""

    kind: str
    lesson: str
    starts_at: datetime
    until: datetime
    zh: str
    en: str


class NoticeOut(Out):
    """What one classroom or teacher is told; `more` sentences are not listed."""

    id: int
    audience: str
    addressee: str
    version: int | None
    at: datetime
    items: list[ItemOut]
    more: int
    told_at: datetime | None
    shown_at: datetime | None
    read_at: datetime | None


class NoticesOut(Out):
    """Notices with their receipts."""

    notices: list[NoticeOut]


def _entry(entry: HistoryEntry) -> EntryOut:
    return EntryOut(
        at=entry.at,
        by=entry.by,
        reason=entry.reason,
        kind=entry.kind.value,
        version=entry.version,
        old=None if entry.old is None else dict(entry.old),
        new=None if entry.new is None else dict(entry.new),
    )


def notice_out(receipt: Receipt) -> NoticeOut:
    """A notice with its receipts as JSON."""
    notice = receipt.notice
    return NoticeOut(
        id=receipt.id,
        audience=notice.audience.value,
        addressee=notice.addressee,
        version=receipt.version,
        at=receipt.at,
        items=[
            ItemOut(
                kind=i.kind, lesson=i.lesson, starts_at=i.starts_at, until=i.until, zh=i.zh, en=i.en
            )
            for i in notice.items
        ],
        more=notice.more,
        told_at=receipt.told_at,
        shown_at=receipt.shown_at,
        read_at=receipt.read_at,
    )


async def read_history(call: Call[None, None]) -> HistoryOut:
    """What happened to a lesson, by whom and why."""
    lesson = OccurrenceId(call.path("lesson"))
    entries = await call.services.timetable.history(lesson)
    return HistoryOut(lesson=lesson, entries=[_entry(e) for e in entries])


async def read_rule_history(call: Call[None, None]) -> RuleHistoryOut:
    """What published versions did to a weekly rule and to those it was once one with."""
    timetable = call.services.timetable
    view = await timetable.draft(TermId(call.path("term")))
    series = view.copy.series.get(SeriesId(call.path("series")))
    if series is None:
        raise unknown_series(call.path("series"))
    rules = lineage(series, view.copy.series.values())
    found = await timetable.rule_history(r.id for r in rules)
    return RuleHistoryOut(
        series=series.id,
        lineage=[r.id for r in rules],
        changes=[
            RuleChangeOut(
                version=c.version.no, at=c.version.at, note=c.version.note, by=c.change.by,
                reason=c.change.reason, kind=c.change.kind, series=c.change.series or "",
                lessons=c.lessons, entry=dict(c.change.entry),
            )
            for c in found
        ],
    )  # fmt: skip


async def amend(call: Call[AmendIn, None]) -> LessonOut:
    """Change one published lesson at once, for short notice; everybody concerned is told.

    Answers with the lesson as it is afterwards, where it was moved to if it was moved.
    """
    lesson = call.path("lesson")
    command = command_from({"lesson": lesson} | call.body.command)
    if getattr(command, "lesson", lesson) != lesson:
        raise ProblemError(
            "lesson_mismatch",
            f"命令里的课次不是网址中的 {lesson}。请改成同一课次，或去掉 lesson。",
            f"The command is for another lesson than {lesson} of the address. Name the same one,"
            " or leave it out.",
            field="command.lesson",
            value=str(getattr(command, "lesson", "")),
        )
    made = await call.services.timetable.amend(command, actor=call.user.login, key=call.key)
    return await lesson_view(call, made.id)


async def read_receipts(call: Call[None, None]) -> NoticesOut:
    """Who was told of a published version, and who has seen it."""
    version = await call.services.timetable.version(version_number(call.path("no")))
    found = await call.services.timetable.notices(version.no)
    return NoticesOut(notices=[notice_out(r) for r in found])


async def list_notices(call: Call[None, None]) -> NoticesOut:
    """What the signed-in teacher has not read yet; nothing for who is no teacher."""
    teacher = call.user.teacher
    found = await call.services.notices.for_teacher(teacher) if teacher is not None else ()
    return NoticesOut(notices=[notice_out(r) for r in found])


async def noticed(call: Call[NoticedIn, None]) -> None:
    """The signed-in teacher has seen, or read, a notice."""
    teacher, number = call.user.teacher, version_number(call.path("notice"))
    if teacher is None or not await call.services.notices.noticed(
        Audience.TEACHER, teacher, number, read=call.body.state == "read"
    ):
        raise ProblemError(
            "unknown_notice",
            "没有发给您的这条通知。请刷新页面。",
            "There is no such notice for you. Reload the page.",
            kind=ProblemKind.NOT_FOUND,
            field="notice",
            value=call.path("notice"),
        )


ROUTES: Final = (
    ApiRoute(
        "api.lessons.history", "GET", "/api/lessons/{lesson}/history", read_history,
        "What happened to a lesson", answer=HistoryOut, problems=(404,),
    ),
    ApiRoute(
        "api.timetable.rule", "GET", "/api/timetable/{term}/series/{series}/history",
        read_rule_history, "What happened to a weekly rule", answer=RuleHistoryOut,
        problems=(404,),
    ),
    ApiRoute(
        "api.lessons.amend", "POST", "/api/lessons/{lesson}/amend", amend,
        "Change a lesson at short notice", body=AmendIn, answer=LessonOut, problems=(404, 409),
        idempotent=True,
    ),
    ApiRoute(
        "api.timetable.receipts", "GET", "/api/timetable/versions/{no}/receipts", read_receipts,
        "Who was told of a version", answer=NoticesOut, problems=(404,),
    ),
    ApiRoute("api.notices.list", "GET", "/api/notices", list_notices, "One's own notices",
             answer=NoticesOut),
    ApiRoute(
        "api.notices.noticed", "POST", "/api/notices/{notice}", noticed,
        "A notice was seen", body=NoticedIn, status=204, problems=(404,),
    ),
)  # fmt: skip
