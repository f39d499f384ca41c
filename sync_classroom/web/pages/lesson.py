"""One lesson: what was planned, what became of it, who received how much of it; and withdrawing it.

The evidence picture is drawn by `timeline_chart`; this module finds the words for it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import date, datetime

from aiohttp import web

from ...coordinator.ports import IngestStatus
from ...coordinator.views import LessonView, SeatView, Timeline
from ...domain.accounts import Role
from ...domain.history import HistoryEntry
from ...domain.ids import OccurrenceId, SeatId
from ...domain.ingest import ADVICE, REASONS
from ...domain.lesson import LessonState
from ...domain.problems import ProblemError, ProblemKind
from ...domain.rules import DEFAULT
from ...domain.timetable import Mode
from ..formats import Rate, rate, term_on
from ..i18n import mark
from ..timeline_chart import Bar, Chart, Gap, SeatRow, SecondRow, draw
from .forms import Form
from .frame import Frame, once, posted, see_other
from .lesson_amend import amendments, blame, read_command
from .lesson_documents import documents_view
from .lesson_history import history_rows
from .recording import recording_view
from .route import ADMIN, SIGNED_IN, PageRoute
from .words import (
    CAUSE_WORDS,
    END_WORDS,
    INGEST_WORDS,
    LESSON_WORDS,
    SEAT_NOW,
    SEAT_WORDS,
    SECOND_WORDS,
    Word,
    lesson_code,
    seat_now,
)

_GAP_WORDS = {
    "host": mark("主讲没有画面和声音"),
    "journal": mark("这段时间的证据已遗失，不能判断"),
    "line": mark("线路：已发送，终端没有确认收到"),
    "offline": mark("终端不在线，没有可以发送的对象"),
}
# What the reason field holds at most; a reason is a sentence, not a letter.
REASON_MAX = 200


@dataclass(frozen=True, slots=True)
class GapWords:
    """A gap with its sentence, as a tooltip and as its accessible name."""

    gap: Gap
    sentence: str


@dataclass(frozen=True, slots=True)
class SecondWords:
    """The second opinion of a seat in words: its verdict, the sum of it, and each difference."""

    row: SecondRow
    word: Word
    sentence: str
    parts: tuple[tuple[Bar, str], ...]


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """A seat's line of the picture with its words and figures."""

    row: SeatRow
    word: Word
    now: Word
    cause: str | None
    gaps: tuple[GapWords, ...]
    share: Rate
    expected: int | None
    withdrawn_reason: str | None
    second: SecondWords | None


@dataclass(frozen=True, slots=True)
class IngestWords:
    """The room's recording host in words; `notes` say what stands in the way and what to do."""

    word: Word
    source: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LifeStep:
    """One step of the lesson's life: `at` None when it has not come to that."""

    text: str
    at: datetime | None
    note: str
    current: bool


async def show(request: web.Request) -> web.StreamResponse:
    """The lesson named in the address; a research session has a page of its own."""
    frame = Frame.of(request)
    view = await frame.services.lessons.view(_occurrence(request))
    if view is not None and view.occurrence.mode is Mode.RESEARCH:
        return see_other(f"/research/{view.occurrence.id}")
    return await _page(frame, Form())


async def cancel(request: web.Request) -> web.StreamResponse:
    """Withdraw the lesson, or one seat of it, with a reason."""
    frame = Frame.of(request)
    form = await posted(request)
    reason, seat = form.text("reason"), form.text("seat")
    if not reason:
        form.wrong("reason", frame.t("请写明原因，例如「停电」；它会出现在报告里。"))
    elif len(reason) > REASON_MAX:
        form.wrong("reason", frame.t("原因最多 %(n)s 个字。", n=REASON_MAX))
    if form.text("excused") not in ("yes", "no"):
        form.wrong("excused", frame.t("请选择这次取消算不算有因。"))
    if not form.ok:
        return await _page(frame, form, status=422)
    try:
        await frame.services.lessons.cancel(
            _occurrence(request),
            seat=SeatId(seat) if seat else None,
            excused=form.text("excused") == "yes",
            reason=reason,
            actor=frame.user.login,
            key=once(frame, form),
        )
    except ProblemError as problem:
        if problem.kind is ProblemKind.NOT_FOUND:
            return frame.problem(problem)
        form.wrong(
            problem.field if problem.field in ("reason", "seat") else "form", frame.say(problem)
        )
        return await _page(frame, form, status=409)
    return see_other(
        request.path.removesuffix("/cancel"), done="seat-cancelled" if seat else "lesson-cancelled"
    )


async def amend(request: web.Request) -> web.StreamResponse:
    """Change the lesson at short notice: a substitute, another time, a room, or back again."""
    frame = Frame.of(request)
    form = await posted(request)
    view = await frame.services.lessons.view(_occurrence(request))
    command = None if view is None else read_command(frame, form, view)
    if command is None:
        return await _page(frame, form, status=422)
    try:
        made = await frame.services.timetable.amend(
            command, actor=frame.user.login, key=once(frame, form)
        )
    except ProblemError as problem:
        blame(form, problem, frame.say(problem))
        return await _page(frame, form, status=409)
    return see_other(f"/lessons/{made.id}", done="lesson-amended")


async def _history(frame: Frame, view: LessonView) -> tuple[HistoryEntry, ...]:
    return await frame.services.timetable.history(view.occurrence.id)


def _up(frame: Frame, day: date) -> str:
    """Where a lesson's reader comes from: the day's list, or for a reviewer the day's coverage."""
    if frame.user.role is Role.REVIEWER:
        return f"/coverage?from={day}&to={day}"
    return f"/today?date={day}"


def _occurrence(request: web.Request) -> OccurrenceId:
    return OccurrenceId(request.match_info["occurrence"])


async def _page(frame: Frame, form: Form, *, status: int = 200) -> web.Response:
    timeline = await frame.services.evidence.timeline(_occurrence(frame.request))
    if timeline is None:
        return frame.problem(
            ProblemError(
                "lesson_not_found",
                "没有这个课次。请从「今天」重新打开，或检查网址。",
                "There is no such lesson. Open it again from Today, or check the address.",
                kind=ProblemKind.NOT_FOUND,
            )
        )
    view = timeline.view
    chart = draw(timeline, frame.now)
    state = lesson_code(view)
    rows = tuple(_row(frame, timeline, chart, row) for row in chart.rows)
    # One seat's samples at a time: 48 seats of a double lesson would be 25 000 lines.
    sampled = frame.request.query.get("samples", "")
    return frame.render(
        "lesson.html",
        status=status,
        problem=form.errors.get("form"),
        view=view,
        o=view.occurrence,
        form=form,
        key=form.text("key") or secrets.token_hex(16),
        word=LESSON_WORDS[state],
        term=term_on(view.roster, view.occurrence.date),
        up=_up(frame, view.occurrence.date),
        life=_life(frame, view),
        ingest=_ingest(frame, view.ingest),
        history=history_rows(frame, view.occurrence, await _history(frame, view)),
        amendments=amendments(frame, view, form) if frame.may(Role.ADMIN) else None,
        chart=chart,
        rows=rows,
        messages=tuple(
            (message, next((s for s in view.seats if s.seat.id == message.seat), None))
            for message in await frame.services.lessons.messages(view.occurrence.id)
        ),
        recorded=await recording_view(frame, view),
        documents=await documents_view(frame, view),
        sampled=sampled,
        samples=next((r.row.line.samples for r in rows if r.row.line.seat == sampled), ()),
        noted=next((r.row.line.second.samples for r in rows if r.row.line.seat == sampled), ()),
        any_second=any(r.second for r in rows),
        host_rate=rate(chart.host_s, chart.window_s),
        may_cancel=frame.may(Role.ADMIN)
        and frame.now < view.occurrence.ends_at
        and state in (LessonState.PLANNED, LessonState.OPEN, LessonState.LIVE),
        reason_max=REASON_MAX,
        delivered_share=rate(round(DEFAULT.delivered_ratio * 1000), 1000).percent,
        live=state in (LessonState.OPEN, LessonState.LIVE),
        percent=lambda part, whole: rate(part, whole).percent,
    )


def _row(frame: Frame, timeline: Timeline, chart: Chart, row: SeatRow) -> EvidenceRow:
    view, seat = timeline.view, row.seat
    settled = (
        chart.over or row.line.state in ("held", "moved") or row.line.state.startswith("cancelled")
    )
    now = SEAT_NOW[seat_now(view, seat, frame.now)]
    reason = next(
        (c.reason for c in view.occurrence.changes if c.seat in (None, seat.seat.id)), None
    )
    return EvidenceRow(
        row=row,
        word=SEAT_WORDS[row.line.state] if settled else now,
        now=now,
        cause=CAUSE_WORDS.get(row.line.cause or "") if chart.over else None,
        gaps=tuple(GapWords(g, _gap_sentence(frame, row, g)) for g in row.gaps),
        share=rate(row.line.credited_s, chart.window_s),
        expected=_expected(seat),
        withdrawn_reason=reason if seat.withdrawn else None,
        second=None if row.second is None else _second(frame, row, row.second),
    )


_DIFFERENCE_WORDS = {
    "less": mark("只有服务器记为送达，终端自己没有收到"),
    "more": mark("只有终端自己收到，服务器没有记为送达"),
}


def _second(frame: Frame, row: SeatRow, second: SecondRow) -> SecondWords:
    said, long = second.said, frame.format.duration
    parts = tuple(
        (
            bar,
            frame.t(
                "%(room)s %(span)s，%(long)s：%(words)s",
                room=row.seat.classroom.name,
                span=frame.format.span(bar.from_at, bar.to_at, seconds=True),
                long=long(bar.seconds),
                words=frame.t(_DIFFERENCE_WORDS[bar.kind]),
            ),
        )
        for bar in (*second.less, *second.more)
    )
    sentence = frame.t("对照 %(all)s", all=long(said.observed_s))
    if said.agreed_s == said.observed_s:
        sentence += frame.t("，全部一致")
    if said.relay_only_s:
        sentence += frame.t("，终端少 %(long)s", long=long(said.relay_only_s))
    if said.terminal_only_s:
        sentence += frame.t("，终端多 %(long)s", long=long(said.terminal_only_s))
    if said.unobserved_s:
        sentence += frame.t("；另有 %(long)s 终端没有记录", long=long(said.unobserved_s))
    if second.deleted:
        sentence += frame.t("；终端样本已按保存期限删除")
    return SecondWords(second, SECOND_WORDS[said.verdict], sentence, parts)


def _expected(seat: SeatView) -> int | None:
    if seat.seat.expected is not None:
        return seat.seat.expected
    return seat.school_class.enrolment if seat.school_class else None


def _gap_sentence(frame: Frame, row: SeatRow, gap: Gap) -> str:
    bar = gap.bar
    words = frame.t(_GAP_WORDS[gap.why])
    if gap.why == "line":
        share = rate(gap.acked, gap.sent)
        words = frame.t(
            "%(words)s（发出 %(sent)s 个包，确认 %(acked)s 个，%(share)s）",
            words=words, sent=gap.sent, acked=gap.acked, share=share.percent,
        )  # fmt: skip
    return frame.t(
        "%(room)s %(span)s，%(long)s：%(words)s",
        room=row.seat.classroom.name,
        span=frame.format.span(bar.from_at, bar.to_at, seconds=True),
        long=frame.format.duration(bar.seconds),
        words=words,
    )


def _ingest(frame: Frame, found: IngestStatus | None) -> IngestWords | None:
    if found is None:
        return None
    notes = [REASONS[found.reason]] if found.reason in REASONS else []
    notes += [ADVICE[code] for code in found.advice if code in ADVICE]
    return IngestWords(
        INGEST_WORDS[found.state],
        found.source,
        tuple(frame.tongue.pick(zh, en) for zh, en in notes),
    )


def _life(frame: Frame, view: LessonView) -> tuple[LifeStep, ...]:
    """planned → open → live → ended with instants, or where it left that path."""
    run, state = view.run, lesson_code(view)
    steps = [
        LifeStep(frame.t("计划"), view.occurrence.starts_at, "", state is LessonState.PLANNED),
        LifeStep(frame.t("候课"), run.opened_at, "", state is LessonState.OPEN),
        LifeStep(frame.t("开课"), run.live_at, "", state is LessonState.LIVE),
    ]
    if state is LessonState.CANCELLED:
        steps = [step for step in steps if step.at is not None]
        last = view.occurrence.changes[-1] if view.occurrence.changes else None
        steps.append(LifeStep(frame.t("已取消"), last.at if last else None, "", True))
    elif state is LessonState.MISSED:
        steps.append(LifeStep(frame.t("未上"), run.ended_at, frame.t("主讲画面一直没有到达"), True))
    else:
        note = frame.t(END_WORDS[run.end_reason]) if run.end_reason else ""
        if run.extended_s:
            longer = frame.t("延长 %(long)s", long=frame.format.duration(run.extended_s))
            note = f"{note} · {longer}" if note else longer
        steps.append(LifeStep(frame.t("结束"), run.ended_at, note, state is LessonState.ENDED))
    return tuple(steps)


ROUTES = (
    PageRoute("lesson", "GET", "/lessons/{occurrence}", show, SIGNED_IN),
    PageRoute("lesson-cancel", "POST", "/lessons/{occurrence}/cancel", cancel, ADMIN),
    PageRoute("lesson-amend", "POST", "/lessons/{occurrence}/amend", amend, ADMIN),
)
