"""A weekly rule over a term: every trap by its name, and all of it against a naive reading."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_classroom.domain.calendar import Calendar
from sync_classroom.domain.ids import (
    BellSetId,
    ClassId,
    ClassroomId,
    OccurrenceId,
    SchoolId,
    SeatId,
    SeriesId,
    TeacherId,
    TermId,
)
from sync_classroom.domain.roster import BellSet, DayException, Period, Roster, Term
from sync_classroom.domain.series import (
    Series,
    SeriesSeat,
    WeekKind,
    WeekRule,
    expand,
    instant,
    occurrence_id,
    seat_id,
)
from sync_classroom.domain.timetable import Host, Mode, Occurrence, Seat, Slot
from tests.support import naive_series
from tests.support.plans import at

SHANGHAI, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")
A, B = SchoolId("host-a"), SchoolId("host-b")
TERM = Term(TermId("t"), "第一学期", date(2026, 8, 31), date(2026, 9, 1), date(2026, 10, 16))
WINTER = BellSet(
    BellSetId("winter"),
    A,
    (
        Period(1, time(8, 0), time(8, 40)),
        Period(2, time(8, 50), time(9, 30)),
        Period(3, time(9, 50), time(10, 30)),
    ),
)
SUMMER = BellSet(BellSetId("summer"), A, (Period(1, time(7, 30), time(8, 15)),))
OF_B = BellSet(BellSetId("b"), B, (Period(1, time(8, 30), time(9, 10)),))
ROSTER = Roster(terms={TERM.id: TERM}, bell_sets={b.id: b for b in (WINTER, SUMMER, OF_B)})
RULE = Series(
    SeriesId("eng"),
    TERM.id,
    "Unit",
    "英语",
    Host(A, ClassroomId("a-r1"), TeacherId("a-t1"), ClassId("a-c1")),
    (
        SeriesSeat(ClassroomId("far-r1"), ClassId("far-c1"), 40, TeacherId("far-t1")),
        SeriesSeat(ClassroomId("far-r2")),
    ),
    weekday=5,
    period=1,
    periods=2,
    grade=3,
)
FRIDAYS = [
    date(2026, 9, 4),
    date(2026, 9, 11),
    date(2026, 9, 18),
    date(2026, 9, 25),
    date(2026, 10, 2),
    date(2026, 10, 9),
    date(2026, 10, 16),
]
ODD, EVEN = WeekRule(WeekKind.ODD), WeekRule(WeekKind.EVEN)


def dates(series: Series, *days: DayException) -> list[date]:
    calendar = Calendar(replace(ROSTER, days=days))
    return [o.date for o in expand(series, calendar, SHANGHAI).occurrences]


def test_every_week_has_one_lesson_with_an_id_for_ever() -> None:
    lessons = expand(RULE, Calendar(ROSTER), SHANGHAI).occurrences
    assert [o.date for o in lessons] == FRIDAYS
    assert lessons[0] == Occurrence(
        id=OccurrenceId("eng-20260904"),
        mode=Mode.LIVE,
        title="Unit",
        subject="英语",
        date=date(2026, 9, 4),
        starts_at=at("08:00", "2026-09-04"),
        ends_at=at("08:40", "2026-09-04"),
        periods=2,
        host=RULE.host,
        seats=(
            Seat(
                SeatId("eng-20260904-s01"),
                ClassroomId("far-r1"),
                ClassId("far-c1"),
                40,
                TeacherId("far-t1"),
            ),
            Seat(SeatId("eng-20260904-s02"), ClassroomId("far-r2")),
        ),
        grade=3,
        term=TERM.id,
        slot=Slot(SeriesId("eng"), date(2026, 9, 4)),
    )
    assert occurrence_id(SeriesId("eng"), date(2026, 9, 4)) == lessons[0].id
    assert seat_id(lessons[0].id, 12) == "eng-20260904-s12"


def test_odd_even_and_listed_weeks() -> None:
    assert dates(replace(RULE, weeks=ODD)) == FRIDAYS[::2]
    assert dates(replace(RULE, weeks=EVEN)) == FRIDAYS[1::2]
    listed = WeekRule(WeekKind.LISTED, (2, 3, 7))
    assert dates(replace(RULE, weeks=listed)) == [FRIDAYS[1], FRIDAYS[2], FRIDAYS[6]]


def test_make_up_saturday_following_friday_of_an_even_week() -> None:
    saturday = DayException(None, date(2026, 9, 19), True, follows_weekday=5, follows_week=4)
    off = DayException(None, FRIDAYS[3], teaching=False)
    # The Saturday lies in week 3, but what it makes up is the Friday of week 4.
    assert dates(replace(RULE, weeks=EVEN), saturday, off) == [
        FRIDAYS[1],
        date(2026, 9, 19),
        FRIDAYS[5],
    ]
    assert date(2026, 9, 19) not in dates(replace(RULE, weeks=ODD), saturday, off)


def test_parity_of_a_week_is_data() -> None:
    # The office lets the Friday of week 3 count as one of week 4.
    counted = DayException(None, FRIDAYS[2], teaching=True, follows_week=4)
    assert FRIDAYS[2] in dates(replace(RULE, weeks=EVEN), counted)
    assert FRIDAYS[2] not in dates(replace(RULE, weeks=ODD), counted)


def test_unmapped_make_up_day_gives_nothing() -> None:
    sunday = date(2026, 9, 20)
    assert sunday not in dates(replace(RULE, weekday=7), DayException(None, sunday, teaching=True))


def test_bell_set_changed_in_mid_term() -> None:
    days = tuple(
        DayException(A, d, teaching=True, bell_set=SUMMER.id) for d in FRIDAYS if d.month == 10
    )
    found = expand(RULE, Calendar(replace(ROSTER, days=days)), SHANGHAI)
    times = [(o.date, f"{o.starts_at:%H:%M}", f"{o.ends_at:%H:%M}") for o in found.occurrences]
    assert times[3:5] == [(FRIDAYS[3], "08:00", "08:40"), (FRIDAYS[4], "07:30", "08:15")]
    # The summer set has one period only.
    third = expand(replace(RULE, period=3), Calendar(replace(ROSTER, days=days)), SHANGHAI)
    assert [o.date for o in third.occurrences] == FRIDAYS[:4]
    assert third.without_period == tuple(FRIDAYS[4:])


def test_bell_set_that_holds_from_a_date_on() -> None:
    dated = replace(SUMMER, valid_from=FRIDAYS[4])
    calendar = Calendar(replace(ROSTER, bell_sets={b.id: b for b in (WINTER, dated)}))
    found = expand(RULE, calendar, SHANGHAI).occurrences
    assert [f"{o.starts_at:%H:%M}" for o in found] == ["08:00"] * 4 + ["07:30"] * 3


def test_two_schools_with_different_days_off() -> None:
    of_b = replace(RULE, id=SeriesId("b"), host=replace(RULE.host, school=B))
    off = DayException(A, FRIDAYS[1], teaching=False)
    assert FRIDAYS[1] not in dates(RULE, off)
    assert dates(of_b, off) == FRIDAYS


def test_term_end_is_a_day_of_the_term_and_nothing_is_after_it() -> None:
    assert dates(RULE)[-1] == TERM.last_day
    # A make-up day beyond the term is no day of this term's rules.
    after = DayException(None, date(2026, 10, 17), teaching=True, follows_weekday=5)
    assert dates(RULE, after)[-1] == TERM.last_day
    shorter = replace(RULE, first=FRIDAYS[1], last=FRIDAYS[2])
    assert dates(shorter) == FRIDAYS[1:3]
    assert dates(replace(RULE, first=date(2026, 1, 1), last=date(2027, 1, 1))) == FRIDAYS


def test_excluded_dates_are_left_out() -> None:
    assert dates(replace(RULE, excluded=(FRIDAYS[1],))) == [FRIDAYS[0], *FRIDAYS[2:]]


def test_lesson_at_either_end_of_the_day_keeps_its_civil_date() -> None:
    night = BellSet(
        BellSetId("night"),
        A,
        (Period(0, time(0, 0), time(0, 40)), Period(9, time(23, 10), time(23, 59))),
    )
    calendar = Calendar(replace(ROSTER, bell_sets={night.id: night}))
    first = expand(replace(RULE, period=0), calendar, SHANGHAI).occurrences[0]
    assert first.date == FRIDAYS[0]
    assert first.starts_at == datetime(2026, 9, 3, 16, 0, tzinfo=UTC)
    last = expand(replace(RULE, period=9), calendar, SHANGHAI).occurrences[0]
    assert (last.date, last.ends_at) == (FRIDAYS[0], datetime(2026, 9, 4, 15, 59, tzinfo=UTC))


def test_consecutive_periods_make_one_lesson() -> None:
    double = expand(replace(RULE, period=2, span=2), Calendar(ROSTER), SHANGHAI).occurrences[0]
    assert (double.starts_at, double.ends_at) == (
        at("08:50", "2026-09-04"),
        at("10:30", "2026-09-04"),
    )
    beyond = expand(replace(RULE, period=3, span=2), Calendar(ROSTER), SHANGHAI)
    assert (beyond.occurrences, beyond.without_period) == ((), tuple(FRIDAYS))


def test_periods_numbered_against_the_clock_make_no_lesson() -> None:
    odd = BellSet(
        BellSetId("odd"),
        A,
        (Period(2, time(8, 0), time(8, 40)), Period(1, time(9, 0), time(9, 40))),
    )
    calendar = Calendar(replace(ROSTER, bell_sets={odd.id: odd}))
    assert expand(replace(RULE, span=2), calendar, SHANGHAI).without_period == tuple(FRIDAYS)


def test_series_without_place_or_term_or_bells_has_no_lessons() -> None:
    assert dates(replace(RULE, weekday=None, period=None)) == []
    assert dates(replace(RULE, term=TermId("none"))) == []
    silent = expand(RULE, Calendar(replace(ROSTER, bell_sets={})), SHANGHAI)
    assert (silent.occurrences, silent.without_period) == ((), tuple(FRIDAYS))


def _in_new_york(weekday: int, start: time, end: time) -> list[tuple[str, str]]:
    """The lessons of a rule around the two nights on which New York's clocks were put."""
    bells = BellSet(BellSetId("n"), A, (Period(1, start, end),))
    term = Term(TERM.id, "全年", date(2026, 3, 2), date(2026, 3, 2), date(2026, 11, 8))
    days = tuple(
        DayException(None, d, teaching=True, follows_weekday=7)
        for d in (date(2026, 3, 8), date(2026, 11, 1))
    )
    roster = Roster(terms={term.id: term}, bell_sets={bells.id: bells}, days=days)
    lessons = expand(replace(RULE, weekday=weekday), Calendar(roster), NEW_YORK).occurrences
    return [
        (o.starts_at.astimezone(UTC).isoformat(), o.ends_at.astimezone(UTC).isoformat())
        for o in lessons
    ]


def test_dst_of_another_zone_moves_the_instant_and_not_the_clock() -> None:
    mondays = _in_new_york(1, time(8, 0), time(8, 40))
    assert mondays[0] == ("2026-03-02T13:00:00+00:00", "2026-03-02T13:40:00+00:00")
    assert mondays[1] == ("2026-03-09T12:00:00+00:00", "2026-03-09T12:40:00+00:00")
    assert mondays[-2] == ("2026-10-26T12:00:00+00:00", "2026-10-26T12:40:00+00:00")
    assert mondays[-1] == ("2026-11-02T13:00:00+00:00", "2026-11-02T13:40:00+00:00")


@pytest.mark.parametrize(
    ("start", "end", "spring", "autumn"),
    [
        # 02:30 does not come on 8 March: counted from before the jump it is 03:30 summer time.
        (time(2, 30), time(2, 50), ("07:30", "07:50"), ("07:30", "07:50")),
        # It would begin at that 03:30 and end at 03:10: it keeps its 40 minutes.
        (time(2, 30), time(3, 10), ("07:30", "08:10"), ("07:30", "08:10")),
        # The jump lies inside: the bells ring 20 minutes after one another.
        (time(1, 50), time(3, 10), ("06:50", "07:10"), ("05:50", "08:10")),
        # 01:30 comes twice on 1 November: the first of the two.
        (time(1, 30), time(1, 50), ("06:30", "06:50"), ("05:30", "05:50")),
    ],
)
def test_clock_times_that_do_not_come_or_come_twice(
    start: time, end: time, spring: tuple[str, str], autumn: tuple[str, str]
) -> None:
    march, november = _in_new_york(7, start, end)
    assert march == tuple(f"2026-03-08T{t}:00+00:00" for t in spring)
    assert november == tuple(f"2026-11-01T{t}:00+00:00" for t in autumn)


def test_instants_of_one_night_compare_by_the_moment() -> None:
    # Both clock times of one zone would compare as 01:40 < 01:50, an hour before the truth.
    first = instant(date(2026, 11, 1), time(1, 50), NEW_YORK)
    later = datetime(2026, 11, 1, 6, 40, tzinfo=UTC).astimezone(NEW_YORK)
    assert f"{later:%H:%M}" == "01:40"
    assert first < later
    assert first.utcoffset() == timedelta(hours=-4)


DAYS = st.dates(date(2026, 8, 29), date(2026, 10, 20))
WEEKS = st.one_of(
    st.sampled_from([WeekRule(), ODD, EVEN]),
    st.sets(st.integers(1, 8), min_size=1).map(
        lambda weeks: WeekRule(WeekKind.LISTED, tuple(sorted(weeks)))
    ),
)


@st.composite
def _exceptions(draw: st.DrawFn) -> tuple[DayException, ...]:
    keys = draw(st.sets(st.tuples(st.sampled_from([None, A, B]), DAYS), max_size=12))
    return tuple(
        DayException(
            school,
            on,
            teaching=draw(st.booleans()),
            follows_weekday=draw(st.none() | st.integers(1, 7)),
            follows_week=draw(st.none() | st.integers(1, 8)),
            bell_set=draw(st.sampled_from([None, SUMMER.id, WINTER.id])) if school == A else None,
        )
        for school, on in sorted(keys, key=str)
    )


@given(
    days=_exceptions(),
    weekday=st.integers(1, 7),
    period=st.integers(1, 4),
    span=st.integers(1, 2),
    weeks=WEEKS,
    first=st.none() | DAYS,
    last=st.none() | DAYS,
    excluded=st.sets(DAYS, max_size=3),
    school=st.sampled_from([A, B]),
    summer_from=st.none() | DAYS,
    zone=st.sampled_from(["Asia/Shanghai", "America/New_York", "Asia/Kathmandu"]),
)
def test_expansion_is_that_of_a_naive_reading(
    days: tuple[DayException, ...],
    weekday: int,
    period: int,
    span: int,
    weeks: WeekRule,
    first: date | None,
    last: date | None,
    excluded: set[date],
    school: SchoolId,
    summer_from: date | None,
    zone: str,
) -> None:
    series = replace(
        RULE,
        host=replace(RULE.host, school=school),
        weekday=weekday,
        period=period,
        span=span,
        weeks=weeks,
        first=first,
        last=last,
        excluded=tuple(sorted(excluded)),
    )
    summer = replace(SUMMER, valid_from=summer_from)
    roster = replace(ROSTER, days=days, bell_sets={**ROSTER.bell_sets, summer.id: summer})
    naive = naive_series.dates(series, roster, zone)
    found = expand(series, Calendar(roster), ZoneInfo(zone))
    assert {o.date: (o.starts_at, o.ends_at) for o in found.occurrences} == {
        on: window for on, window in naive.items() if window is not None
    }
    assert found.without_period == tuple(on for on, window in naive.items() if window is None)
    assert [o.id for o in found.occurrences] == [
        f"eng-{o.date.isoformat().replace('-', '')}" for o in found.occurrences
    ]
