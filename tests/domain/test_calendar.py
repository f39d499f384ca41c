from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_classroom.domain.calendar import (
    Calendar,
    DayAnswer,
    DaySource,
    Parity,
    days_between,
    days_written,
    iso_week,
    periods_touched,
    week_number,
)
from sync_classroom.domain.ids import BellSetId, SchoolId, TermId
from sync_classroom.domain.roster import (
    BellSet,
    DayException,
    NationalDay,
    Period,
    Roster,
    Term,
    Wording,
)

ZONE = ZoneInfo("Asia/Shanghai")
A, B, HOST = SchoolId("remote-a"), SchoolId("remote-b"), SchoolId("host")
TERM = Term(TermId("t"), "第一学期", date(2026, 8, 31), date(2026, 9, 1), date(2027, 1, 22))
SPRING = Term(TermId("s"), "第二学期", date(2027, 2, 22), date(2027, 2, 22), date(2027, 6, 30))
WINTER_A = BellSet(
    BellSetId("a-winter"),
    A,
    tuple(
        Period(n, time(h, m), time(h2, m2))
        for n, h, m, h2, m2 in [
            (1, 8, 0, 8, 40),
            (2, 8, 50, 9, 30),
            (3, 9, 50, 10, 30),
            (4, 10, 40, 11, 20),
        ]
    ),
)
SUMMER_A = BellSet(BellSetId("a-summer"), A, (Period(1, time(7, 40), time(8, 20)),))
HOST_BELLS = BellSet(
    BellSetId("h"), HOST, (Period(2, time(9, 10), time(9, 50)), Period(3, time(10, 20), time(11)))
)
SATURDAY, NATIONAL_DAY = date(2026, 10, 10), date(2026, 10, 1)
ROSTER = Roster(
    terms={TERM.id: TERM, SPRING.id: SPRING},
    bell_sets={b.id: b for b in (WINTER_A, SUMMER_A, HOST_BELLS)},
    days=(
        DayException(None, NATIONAL_DAY, teaching=False),
        DayException(None, SATURDAY, teaching=True, follows_weekday=5, follows_week=6),
        DayException(None, date(2026, 9, 20), teaching=True),
        DayException(A, date(2026, 11, 6), teaching=False),
        DayException(B, NATIONAL_DAY, teaching=True),
        DayException(A, date(2027, 5, 6), teaching=True, bell_set=SUMMER_A.id),
    ),
)
CALENDAR = Calendar(ROSTER)


def test_an_ordinary_day_follows_itself() -> None:
    monday = CALENDAR.day(A, date(2026, 11, 23))
    assert (monday.teaching, monday.weekday, monday.week) == (True, 1, 13)
    assert (monday.term, monday.bell_set, monday.unmapped) == (TERM, WINTER_A, False)
    saturday = CALENDAR.day(A, date(2026, 11, 28))
    assert (saturday.teaching, saturday.weekday, saturday.week) == (False, None, None)


def test_two_schools_on_different_days_off() -> None:
    on = date(2026, 11, 6)
    assert (CALENDAR.day(A, on).teaching, CALENDAR.day(B, on).teaching) == (False, True)
    assert CALENDAR.day(A, NATIONAL_DAY).teaching is False
    own = CALENDAR.day(B, NATIONAL_DAY)
    assert (own.teaching, own.weekday, own.week) == (True, 4, 5)


def test_a_make_up_saturday_that_follows_friday_of_an_even_week() -> None:
    answer = CALENDAR.day(A, SATURDAY)
    assert (answer.teaching, answer.weekday, answer.week) == (True, 5, 6)
    assert answer.week is not None
    assert answer.week % 2 == 0
    # Its own week would have been the same; another Saturday may stand in for a distant week.
    moved = Roster(
        terms=ROSTER.terms,
        days=(DayException(None, SATURDAY, True, follows_weekday=5, follows_week=5),),
    )
    assert Calendar(moved).day(A, SATURDAY).week == 5


def test_a_make_up_day_whose_weekday_is_unknown_is_unmapped_and_never_guessed() -> None:
    answer = CALENDAR.day(A, date(2026, 9, 20))
    assert (answer.teaching, answer.weekday, answer.unmapped) == (True, None, True)
    assert not CALENDAR.day(A, SATURDAY).unmapped
    assert not CALENDAR.day(A, NATIONAL_DAY).unmapped


def test_a_bell_set_changed_in_mid_term() -> None:
    changed, before = date(2027, 5, 6), date(2027, 5, 5)
    assert CALENDAR.day(A, before).bell_set == WINTER_A
    answer = CALENDAR.day(A, changed)
    assert (answer.bell_set, answer.weekday, answer.unmapped) == (SUMMER_A, 4, False)
    assert CALENDAR.day(B, changed).bell_set is None


def test_a_lesson_that_is_period_3_at_the_host_straddles_3_and_4_at_the_remote() -> None:
    window = (
        datetime(2026, 11, 23, 10, 20, tzinfo=ZONE),
        datetime(2026, 11, 23, 11, 0, tzinfo=ZONE),
    )
    assert [p.no for p in periods_touched(WINTER_A, *window, ZONE)] == [3, 4]
    back_to_back = datetime(2026, 11, 23, 9, 50, tzinfo=ZONE), window[0] + timedelta(minutes=10)
    assert [p.no for p in periods_touched(WINTER_A, *back_to_back, ZONE)] == [3]


@pytest.mark.parametrize(
    ("on", "term", "teaching"),
    [
        (date(2026, 8, 31), None, False),
        (date(2026, 9, 1), TERM, True),
        (date(2027, 1, 22), TERM, True),
        (date(2027, 1, 25), None, False),
        (date(2027, 2, 22), SPRING, True),
    ],
)
def test_term_end(on: date, term: Term | None, teaching: bool) -> None:
    answer = CALENDAR.day(A, on)
    assert (answer.term, answer.teaching) == (term, teaching)


def test_midnight() -> None:
    """A day is the programme's civil day: an instant's offset must not move it."""
    late = datetime(2026, 11, 23, 16, 30, tzinfo=timezone.utc)  # noqa: UP017
    assert late.astimezone(ZONE).date() == date(2026, 11, 24)
    night = BellSet(BellSetId("n"), A, (Period(1, time(0, 0), time(0, 40)),))
    around = (
        datetime(2026, 11, 23, 23, 30, tzinfo=ZONE),
        datetime(2026, 11, 24, 0, 1, tzinfo=ZONE),
    )
    assert [p.no for p in periods_touched(night, *around, ZONE)] == [1]
    ends_then = (around[0], datetime(2026, 11, 24, 0, 0, tzinfo=ZONE))
    assert periods_touched(night, *ends_then, ZONE) == ()


def test_week_numbers_begin_on_monday() -> None:
    assert week_number(TERM, date(2026, 9, 1)) == 1
    assert week_number(TERM, date(2026, 9, 6)) == 1
    assert week_number(TERM, date(2026, 9, 7)) == 2
    assert week_number(TERM, date(2027, 1, 22)) == 21


def test_iso_weeks_around_new_year() -> None:
    assert iso_week(date(2026, 9, 1)) == "2026-W36"
    assert iso_week(date(2026, 12, 31)) == iso_week(date(2027, 1, 3)) == "2026-W53"
    assert iso_week(date(2027, 1, 4)) == "2027-W01"


def test_a_roster_without_terms_teaches_monday_to_friday() -> None:
    answer = Calendar(Roster()).day(A, date(2026, 7, 31))
    assert (answer.teaching, answer.weekday, answer.week, answer.term) == (True, 5, None, None)


@given(
    st.sampled_from([A, B]),
    st.dates(date(2026, 8, 20), date(2027, 7, 10)),
    st.integers(0, 60),
    st.sampled_from([ROSTER, Roster(), Roster(days=ROSTER.days, bell_sets=ROSTER.bell_sets)]),
)
def test_teaching_days_are_those_on_which_the_answer_is_teaching(
    school: SchoolId, first: date, days: int, roster: Roster
) -> None:
    last = first + timedelta(days=days)
    calendar = Calendar(roster)
    asked = [d for d in days_between(first, last) if calendar.day(school, d).teaching]
    assert list(calendar.teaching_days(school, first, last)) == asked


def test_teaching_days_of_a_thousand_years_are_those_of_the_terms() -> None:
    days = list(Calendar(ROSTER).teaching_days(A, date(1500, 1, 1), date(2500, 1, 1)))
    assert (days[0], days[-1]) == (TERM.first_day, SPRING.last_day)
    assert list(days_between(date(2026, 1, 2), date(2026, 1, 1))) == []


# ---- national days, validity of bell sets, sources

FESTIVAL = Wording("国庆节", "National Day")
NATIONAL = {
    d.on: d
    for d in (
        NationalDay(NATIONAL_DAY, FESTIVAL),
        NationalDay(date(2026, 10, 2), FESTIVAL),
        NationalDay(date(2026, 10, 9), FESTIVAL),
        # Follows Friday 9 October, which is in week 6, an even one; itself it lies in week 7.
        NationalDay(date(2026, 10, 17), FESTIVAL, teaching=True, replaces=date(2026, 10, 9)),
        NationalDay(date(2026, 9, 19), FESTIVAL, teaching=True),
        NationalDay(date(2027, 1, 16), FESTIVAL, teaching=True, replaces=date(2027, 2, 3)),
        NationalDay(date(2027, 2, 20), FESTIVAL, teaching=True, replaces=date(2027, 2, 26)),
    )
}
PLAIN = Roster(terms=ROSTER.terms, bell_sets=ROSTER.bell_sets, national=NATIONAL)


def told(answer: DayAnswer) -> tuple[bool, int | None, int | None, str, str]:
    return answer.teaching, answer.weekday, answer.week, answer.source, answer.reason.zh


def test_a_national_holiday_is_off_with_its_name() -> None:
    off = Calendar(PLAIN).day(A, NATIONAL_DAY)
    assert told(off) == (False, None, None, "holiday", "国庆节")
    assert (off.reason.en, off.parity) == ("National Day", None)


def test_a_make_up_saturday_following_friday_of_an_even_week() -> None:
    answer = Calendar(PLAIN).day(A, date(2026, 10, 17))
    assert told(answer) == (True, 5, 6, "make_up", "国庆节")
    assert (answer.parity, week_number(TERM, date(2026, 10, 17))) == (Parity.EVEN, 7)


def test_an_unmapped_make_up_day() -> None:
    for on in (date(2026, 9, 19), date(2027, 1, 16)):
        # Nobody said what it replaces; or that day is in no term, so that nothing is taught then.
        answer = Calendar(PLAIN).day(A, on)
        assert (answer.teaching, answer.weekday, answer.unmapped) == (True, None, True)
        assert answer.source is DaySource.MAKE_UP
    assert not Calendar(PLAIN).day(A, date(2026, 10, 17)).unmapped


def test_national_days_outside_the_terms_change_nothing() -> None:
    assert told(Calendar(PLAIN).day(A, date(2027, 2, 20))) == (
        False, None, None, "default", "不在学期内",
    )  # fmt: skip


def test_a_national_holiday_overridden_by_one_school_that_teaches() -> None:
    own = DayException(B, NATIONAL_DAY, teaching=True, reason="补上周的课")
    roster = Roster(terms=PLAIN.terms, national=NATIONAL, days=(own,))
    assert told(Calendar(roster).day(B, NATIONAL_DAY)) == (True, 4, 5, "school", "补上周的课")
    assert told(Calendar(roster).day(A, NATIONAL_DAY)) == (False, None, None, "holiday", "国庆节")


def test_two_schools_on_different_days_off_say_why() -> None:
    days = (
        DayException(A, date(2026, 11, 5), teaching=False, reason="运动会"),
        DayException(B, date(2026, 11, 6), teaching=False, reason="校庆"),
    )
    roster = Roster(terms=PLAIN.terms, days=days)
    answers = {
        (s, d): told(Calendar(roster).day(s, date(2026, 11, d))) for s in (A, B) for d in (5, 6)
    }
    assert answers == {
        (A, 5): (False, None, None, "school", "运动会"),
        (A, 6): (True, 5, 10, "default", ""),
        (B, 5): (True, 4, 10, "default", ""),
        (B, 6): (False, None, None, "school", "校庆"),
    }


def test_a_day_of_all_schools_stands_over_the_country_and_under_the_school() -> None:
    days = (
        DayException(None, NATIONAL_DAY, teaching=True, follows_weekday=1, reason="全市补课"),
        DayException(B, NATIONAL_DAY, teaching=False, reason="本校不补"),
    )
    roster = Roster(terms=PLAIN.terms, national=NATIONAL, days=days)
    assert told(Calendar(roster).day(A, NATIONAL_DAY)) == (True, 1, 5, "all_schools", "全市补课")
    layers = Calendar(roster).layers(B, NATIONAL_DAY)
    assert [told(a) for a in layers] == [
        (True, 4, 5, "default", ""),
        (False, None, None, "holiday", "国庆节"),
        (True, 1, 5, "all_schools", "全市补课"),
        (False, None, None, "school", "本校不补"),
    ]


def test_parity_is_data_and_not_counted_from_the_date() -> None:
    """An exception may say that a date follows another week; its parity is that week's."""
    on = date(2026, 11, 23)
    assert (Calendar(PLAIN).day(A, on).week, Calendar(PLAIN).day(A, on).parity) == (13, Parity.ODD)
    said = DayException(A, on, teaching=True, follows_week=12)
    roster = Roster(terms=PLAIN.terms, days=(said,))
    assert (Calendar(roster).day(A, on).week, Calendar(roster).day(A, on).parity) == (
        12,
        Parity.EVEN,
    )
    assert Calendar(Roster()).day(A, on).parity is None


def test_week_1_monday_before_the_first_day() -> None:
    """A term that begins on a Tuesday is in week 1 that day, and its Monday is no school day."""
    assert told(Calendar(PLAIN).day(A, date(2026, 8, 31)))[:3] == (False, None, None)
    assert told(Calendar(PLAIN).day(A, date(2026, 9, 1)))[:3] == (True, 2, 1)
    early = Term(TermId("e"), "早", date(2026, 8, 24), date(2026, 9, 1), date(2026, 12, 31))
    assert Calendar(Roster(terms={early.id: early})).day(A, date(2026, 9, 1)).week == 2


def test_a_bell_set_changed_in_mid_term_by_its_dates() -> None:
    def bells(name: str, first: date | None, last: date | None) -> BellSet:
        return BellSet(BellSetId(name), A, WINTER_A.periods, name, first, last)

    sets = (
        bells("usual", None, None),
        bells("summer", date(2027, 5, 1), date(2027, 9, 30)),
        bells("exams", date(2027, 6, 21), date(2027, 6, 25)),
    )
    roster = Roster(terms=PLAIN.terms, bell_sets={b.id: b for b in sets})

    def on(day: date) -> str | None:
        found = Calendar(roster).day(A, day).bell_set
        return found and found.name

    assert (on(date(2027, 4, 30)), on(date(2027, 5, 1))) == ("usual", "summer")
    assert (on(date(2027, 6, 20)), on(date(2027, 6, 21))) == ("summer", "exams")
    assert (on(date(2027, 6, 25)), on(date(2027, 6, 26))) == ("exams", "summer")
    assert (on(date(2027, 9, 30)), on(date(2027, 10, 1))) == ("summer", "usual")
    # A day that names its bells has those, whatever holds.
    named = DayException(A, date(2027, 6, 1), teaching=True, bell_set=sets[0].id)
    roster = Roster(terms=roster.terms, bell_sets=roster.bell_sets, days=(named,))
    assert on(date(2027, 6, 1)) == "usual"
    ended = Roster(bell_sets={sets[1].id: sets[1]})
    assert Calendar(ended).bell_set(A, date(2027, 10, 1)) is None


SCHOOLS = (A, B, HOST)
WINDOW = st.dates(date(2026, 8, 25), date(2026, 11, 8))


@st.composite
def rosters(draw: st.DrawFn) -> Roster:
    """One term with holes around it, and any national days and exceptions."""
    national = draw(
        st.lists(
            st.builds(
                NationalDay,
                WINDOW,
                st.just(FESTIVAL),
                st.booleans(),
                st.one_of(st.none(), WINDOW),
            ),
            max_size=8,
        )
    )
    days = draw(
        st.lists(
            st.builds(
                DayException,
                st.sampled_from([None, A, B]),
                WINDOW,
                st.booleans(),
                st.one_of(st.none(), st.integers(1, 7)),
                st.one_of(st.none(), st.integers(1, 20)),
                reason=st.sampled_from(["", "台风", "运动会"]),
            ),
            max_size=12,
            unique_by=lambda d: (d.school, d.date),
        )
    )
    term = Term(TermId("t"), "学期", date(2026, 8, 31), date(2026, 9, 2), date(2026, 10, 31))
    return Roster(terms={term.id: term}, days=tuple(days), national={d.on: d for d in national})


def by_hand(roster: Roster, school: SchoolId, on: date) -> tuple[bool, int | None, int | None, str]:
    """The four layers, read from the rule with nothing shared but the values."""
    (term,) = roster.terms.values()
    in_term = term.first_day <= on <= term.last_day
    own_week = (on - term.week1_monday).days // 7 + 1 if in_term else None
    answer = (in_term and on.weekday() < 5, on.isoweekday(), own_week, "default")
    day = roster.national.get(on)
    if day is not None and in_term:
        if not day.teaching:
            answer = (False, None, None, "holiday")
        elif day.replaces is not None and term.first_day <= day.replaces <= term.last_day:
            week = (day.replaces - term.week1_monday).days // 7 + 1
            answer = (True, day.replaces.isoweekday(), week, "make_up")
        else:
            weekday = on.isoweekday() if on.weekday() < 5 else None
            answer = (True, weekday, own_week, "make_up")
    for whose, source in ((None, "all_schools"), (school, "school")):
        for d in roster.days:
            if (d.school, d.date) == (whose, on):
                weekday = d.follows_weekday or (on.isoweekday() if on.weekday() < 5 else None)
                answer = (d.teaching, weekday, d.follows_week or own_week, source)
    teaching, weekday, week, source = answer
    return (True, weekday, week, source) if teaching else (False, None, None, source)


@given(rosters(), st.sampled_from(SCHOOLS))
def test_every_date_has_exactly_one_answer_that_of_its_uppermost_layer(
    roster: Roster, school: SchoolId
) -> None:
    calendar = Calendar(roster)
    for on in days_between(date(2026, 8, 25), date(2026, 11, 8)):
        answer = calendar.day(school, on)
        assert (answer.school, answer.date) == (school, on)
        assert told(answer)[:4] == by_hand(roster, school, on)
        assert calendar.layers(school, on)[-1] == answer
        assert answer.unmapped == (answer.teaching and answer.weekday is None)
        assert (answer.parity is None) == (answer.week is None)


@given(rosters(), st.sampled_from(SCHOOLS))
def test_written_days_give_the_same_answers_without_the_national_tables(
    roster: Roster, school: SchoolId
) -> None:
    """What an auditor has: terms and `days`, no holiday tables."""
    written = Roster(terms=roster.terms, days=days_written(roster))
    keys = [(d.school, d.date) for d in written.days]
    assert len(keys) == len(set(keys))
    mine, theirs = Calendar(roster), Calendar(written)
    for on in days_between(date(2026, 8, 25), date(2026, 11, 8)):
        assert told(mine.day(school, on))[:3] == told(theirs.day(school, on))[:3]
