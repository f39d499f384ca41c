"""A school's days as they are shown: what each one is in a word, and why in a sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from ...coordinator.calendar import CalendarService
from ...domain.calendar import DayAnswer, DaySource, Parity, week_number
from ...domain.calendar_edits import Edited
from ...domain.ids import SchoolId
from ...domain.roster import Term
from ..i18n import mark
from .frame import Frame
from .words import Word

_DAY: Final = timedelta(days=1)
_WEEK: Final = 7
_FRIDAY: Final = 5

# What a day can be, by code: the shape and word of its cell, and of the legend.
DAY_WORDS: Final[Mapping[str, Word]] = {
    "teach": Word("held", mark("教学日")),
    "kept": Word("held", mark("照常上课")),
    "follow": Word("partial", mark("按另一天上课")),
    "unmapped": Word("unknown", mark("上课，按哪天未定")),
    "off": Word("cancelled", mark("不上课")),
    "rest": Word("waiting", mark("周末")),
    "out": Word("waiting", mark("学期外")),
}
_OFF: Final = DAY_WORDS["off"]
_UNMAPPED: Final = DAY_WORDS["unmapped"]
SOURCE_WORDS: Final = {
    DaySource.DEFAULT: mark("默认"),
    DaySource.HOLIDAY: mark("国家节假日"),
    DaySource.MAKE_UP: mark("国家调休"),
    DaySource.ALL_SCHOOLS: mark("全部学校的安排"),
    DaySource.SCHOOL: mark("本校的安排"),
}
# Whose arrangement it is, in the corner of a cell.
SCOPE_MARKS: Final = {DaySource.ALL_SCHOOLS: mark("全部"), DaySource.SCHOOL: mark("本校")}
PARITY_WORDS: Final = {Parity.ODD: mark("单周"), Parity.EVEN: mark("双周")}
KIND_WORDS: Final = {
    Edited.DAY: mark("日子"),
    Edited.TERM: mark("学期"),
    Edited.BELL_SET: mark("作息表"),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One date of one school. `label` is the date as short as it can be, `sentence` everything."""

    answer: DayAnswer
    state: str
    label: str
    text: str
    scope: str
    sentence: str
    today: bool

    @property
    def word(self) -> Word:
        """Shape and word of the state."""
        return DAY_WORDS[self.state]


@dataclass(frozen=True, slots=True)
class WeekRow:
    """One week of a term, Monday first."""

    number: int
    parity: str
    monday: date
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class WeekOfSchools:
    """One week at every school: the cells by school, and in a sentence what is not as usual."""

    number: int
    parity: str
    monday: date
    schools: tuple[tuple[SchoolId, tuple[Cell, ...], str], ...]
    current: bool


def state_of(answer: DayAnswer) -> str:
    """The code in `DAY_WORDS` of a day."""
    if answer.unmapped:
        return "unmapped"
    if answer.teaching:
        own_week = answer.term is None or answer.week == week_number(answer.term, answer.date)
        if answer.weekday != answer.date.isoweekday() or not own_week:
            return "follow"
        return "teach" if answer.source is DaySource.DEFAULT else "kept"
    if answer.source is not DaySource.DEFAULT:
        return "off"
    return "out" if answer.term is None else "rest"


def cell_of(frame: Frame, answer: DayAnswer, *, labelled: bool = False) -> Cell:
    """How a day is shown; `labelled` dates name their month even inside it."""
    state, on = state_of(answer), answer.date
    source = answer.source
    return Cell(
        answer=answer,
        state=state,
        label=frame.format.short_day(on) if labelled or on.day == 1 else str(on.day),
        text=_text(frame, answer, state),
        scope=frame.t(SCOPE_MARKS[source]) if source in SCOPE_MARKS else "",
        sentence=sentence_of(frame, answer),
        today=on == frame.today,
    )


def followed(frame: Frame, weekday: int | None, week: int | None) -> str:
    """Whose timetable: `周三 第6周（双周）`; empty for nobody's."""
    parts = [] if weekday is None else [frame.format.weekday(weekday)]
    if week is not None:
        parity = frame.t(PARITY_WORDS[Parity.ODD if week % 2 else Parity.EVEN])
        parts.append(frame.t("第%(week)s周（%(parity)s）", week=week, parity=parity))
    return " ".join(parts)


def sentence_of(frame: Frame, answer: DayAnswer) -> str:
    """Everything of a day: what it is, what it follows, by which bells, and why."""
    state = state_of(answer)
    what = frame.t(DAY_WORDS[state].text)
    if state in ("follow", "teach", "kept"):
        whose = followed(frame, answer.weekday, answer.week)
        what = frame.t("上课，按 %(whose)s 的课表", whose=whose) if whose else what
    day = frame.format.day(answer.date)
    parts = [frame.t("%(day)s：%(what)s", day=day, what=_inside(frame, what))]
    if answer.teaching and answer.bell_set is not None:
        parts.append(frame.t("作息表：%(bells)s", bells=answer.bell_set.name or answer.bell_set.id))
    reason = frame.tongue.pick(answer.reason.zh, answer.reason.en)
    source = _inside(frame, frame.t(SOURCE_WORDS[answer.source]))
    parts.append(
        frame.t("来源：%(source)s（%(reason)s）", source=source, reason=reason)
        if reason
        else frame.t("来源：%(source)s", source=source)
    )
    return frame.tongue.pick("；", "; ").join(parts)


def weeks_of(frame: Frame, term: Term, school: SchoolId) -> tuple[WeekRow, ...]:
    """A term of one school, week by week."""
    calendar = frame.services.calendar
    return tuple(
        WeekRow(
            number,
            _parity(frame, number),
            monday,
            _week(frame, calendar, school, monday, labelled=number == 1),
        )
        for number, monday in _mondays(term)
    )


def side_by_side(
    frame: Frame, term: Term, schools: tuple[SchoolId, ...]
) -> tuple[WeekOfSchools, ...]:
    """A term of every school, week by week."""
    calendar = frame.services.calendar
    rows = []
    for number, monday in _mondays(term):
        cells = {s: _week(frame, calendar, s, monday) for s in schools}
        rows.append(
            WeekOfSchools(
                number,
                _parity(frame, number),
                monday,
                tuple((s, c, _unusual(frame, c)) for s, c in cells.items()),
                monday <= frame.today < monday + _WEEK * _DAY,
            )
        )
    return tuple(rows)


def described(frame: Frame, kind: Edited, record: Mapping[str, Any] | None) -> str:
    """A record of the history in words."""
    if record is None:
        return frame.t("没有")
    if kind is Edited.TERM:
        first, last = (date.fromisoformat(record[k]) for k in ("first_day", "last_day"))
        return f"{record['name']} {frame.format.date_range(first, last)}"
    if kind is Edited.BELL_SET:
        return " · ".join(
            (
                str(record.get("name") or record["id"]),
                validity(frame, _day(record.get("valid_from")), _day(record.get("valid_to"))),
                frame.t("%(n)s 节", n=len(record["periods"])),
            )
        )
    if not record["teaching"]:
        return frame.t(_OFF.text)
    on = date.fromisoformat(record["date"])
    if record["follows_weekday"] is None and on.isoweekday() > _FRIDAY:
        return frame.t(_UNMAPPED.text)
    whose = followed(frame, record["follows_weekday"], record["follows_week"])
    return frame.t("上课，按 %(whose)s 的课表", whose=whose) if whose else frame.t("教学日")


def validity(frame: Frame, first: date | None, last: date | None) -> str:
    """When a bell set holds, in words."""
    if first is not None and last is not None:
        return frame.format.date_range(first, last)
    if first is not None:
        return frame.t("从 %(day)s 起", day=frame.format.date_range(first, first))
    if last is not None:
        return frame.t("到 %(day)s 止", day=frame.format.date_range(last, last))
    return frame.t("一直有效")


def _inside(frame: Frame, words: str) -> str:
    """Words that stand alone elsewhere, as they are written inside a sentence."""
    return frame.tongue.pick(words, words[:1].lower() + words[1:])


def _text(frame: Frame, answer: DayAnswer, state: str) -> str:
    if state == "follow":
        return followed(frame, answer.weekday, answer.week)
    if state == "unmapped":
        return frame.t("按哪天未定")
    if state in ("off", "kept"):
        reason = frame.tongue.pick(answer.reason.zh, answer.reason.en)
        return reason or frame.t(DAY_WORDS[state].text)
    return frame.t(DAY_WORDS[state].text)


def _mondays(term: Term) -> Iterator[tuple[int, date]]:
    monday = term.week1_monday
    while monday <= term.last_day:
        yield week_number(term, monday), monday
        monday += _WEEK * _DAY


def _week(
    frame: Frame,
    calendar: CalendarService,
    school: SchoolId,
    monday: date,
    *,
    labelled: bool = False,
) -> tuple[Cell, ...]:
    answers = calendar.days(school, monday, monday + (_WEEK - 1) * _DAY)
    return tuple(cell_of(frame, a, labelled=labelled and n == 0) for n, a in enumerate(answers))


def _unusual(frame: Frame, cells: tuple[Cell, ...]) -> str:
    found = [c.sentence for c in cells if c.state in ("off", "follow", "unmapped", "kept")]
    return frame.tongue.pick("。", ". ").join(found) or frame.t("照常")


def _parity(frame: Frame, number: int) -> str:
    return frame.t(PARITY_WORDS[Parity.ODD if number % 2 else Parity.EVEN])


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
