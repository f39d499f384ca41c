"""Relay and terminal compared: every second that both speak about is in exactly one place."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_classroom.domain.evidence import Evidence
from sync_classroom.domain.facts import SeatMedia
from sync_classroom.domain.ids import FactId, OccurrenceId, SeatId
from sync_classroom.domain.intervals import (
    Spans,
    difference,
    intersection,
    length,
    normalise,
    union,
)
from sync_classroom.domain.second_opinion import (
    DIFFERS,
    NO_OPINION,
    Notes,
    SecondOpinions,
    Verdict,
    compare,
    kept,
    notes_of,
    opinions_of,
    tolerated_s,
)
from sync_classroom.domain.terminal_journal import TerminalSample
from sync_classroom.domain.timetable import Change, ChangeKind, Mode
from tests.support.plans import at, lesson
from tests.support.terminal_journals import noted_all_through

LESSON = lesson("o-1", seats=["far-1-r1", "far-1-r2"])
SEAT = SeatId("o-1-s0")
START = at("09:00")
ZERO = int(START.timestamp())
WINDOW = (ZERO, ZERO + 2400)


def sample(first: int, last: int, heard: bool = True) -> TerminalSample:
    """A sample of these seconds of the lesson."""
    begins, ends = (START + timedelta(seconds=s) for s in (first, last))
    moved = 1000 * (last - first) if heard else 0
    return TerminalSample(
        FactId(f"ts:x:{first}"), FactId("tj:x:1"), OccurrenceId("o-1"), SEAT, begins, ends, begins,
        ends, True, moved, 9, 9,
    )  # fmt: skip


def notes(*samples: TerminalSample) -> Notes:
    return notes_of(samples)[LESSON.id, SEAT]


def spans(*pairs: tuple[int, int]) -> Spans:
    return normalise((ZERO + a, ZERO + b) for a, b in pairs)


SAMPLES = st.lists(
    st.tuples(st.integers(-200, 2600), st.integers(1, 15), st.booleans()).map(
        lambda s: sample(s[0], s[0] + s[1], s[2])
    ),
    min_size=1,
    max_size=60,
)
DELIVERED = st.lists(
    st.tuples(st.integers(-300, 2700), st.integers(1, 900)).map(lambda s: (s[0], s[0] + s[1])),
    max_size=8,
).map(lambda pairs: spans(*pairs))


@given(SAMPLES, DELIVERED)
def test_every_second_both_speak_about_is_agreed_or_one_sides_alone(
    samples: list[TerminalSample], delivered: Spans
) -> None:
    said = notes(*samples)
    opinion = compare(WINDOW, delivered, said)
    observed = intersection(said.noted.spans(), (WINDOW,))
    received = intersection(said.heard.spans(), (WINDOW,))
    both = length(intersection(intersection(delivered, received), (WINDOW,)))
    neither = length(difference(observed, union(delivered, received)))
    assert opinion.agreed_s == both + neither
    assert (
        opinion.observed_s
        == length(observed)
        == (opinion.agreed_s + opinion.relay_only_s + opinion.terminal_only_s)
    )
    # A gap only the terminal saw is in the relay's time and not in the terminal's, and so on.
    assert difference(opinion.relay_only, intersection(delivered, (WINDOW,))) == ()
    assert intersection(opinion.relay_only, received) == ()
    assert difference(opinion.terminal_only, received) == ()
    assert intersection(opinion.terminal_only, delivered) == ()
    # What the terminal did not note is nobody's difference.
    assert intersection(opinion.unobserved, observed) == ()
    differing = opinion.relay_only_s + opinion.terminal_only_s
    if not observed:
        assert opinion.verdict is Verdict.NONE
    else:
        assert (opinion.verdict is Verdict.AGREES) == (differing <= tolerated_s(length(observed)))
    if opinion.verdict is Verdict.LESS:
        assert opinion.relay_only_s >= opinion.terminal_only_s
    if opinion.verdict is Verdict.MORE:
        assert opinion.terminal_only_s > opinion.relay_only_s


@given(SAMPLES, DELIVERED, st.randoms(use_true_random=False))
def test_order_and_repetition_of_samples_change_nothing(
    samples: list[TerminalSample], delivered: Spans, draw: object
) -> None:
    mixed = [*samples, *samples[: len(samples) // 2]]
    draw.shuffle(mixed)  # type: ignore[attr-defined]
    assert compare(WINDOW, delivered, notes(*mixed)) == compare(WINDOW, delivered, notes(*samples))


@given(SAMPLES)
def test_a_terminal_that_says_what_the_relay_says_agrees(samples: list[TerminalSample]) -> None:
    said = notes(*samples)
    opinion = compare(WINDOW, said.heard.spans(), said)
    assert opinion.verdict in (Verdict.AGREES, Verdict.NONE)
    assert opinion.relay_only_s == opinion.terminal_only_s == opinion.unobserved_s == 0


def test_without_a_sample_in_the_window_there_is_no_opinion() -> None:
    delivered = spans((0, 2400))
    assert compare(WINDOW, delivered, notes(sample(2400, 2410))) == NO_OPINION
    assert notes_of([]) == {}


@pytest.mark.parametrize(
    ("delivered", "silent", "verdict"),
    [
        (((0, 2400),), (0, 0), Verdict.AGREES),
        (((0, 2400),), (600, 720), Verdict.AGREES),  # 120 s are tolerated of 2400
        (((0, 2400),), (600, 730), Verdict.LESS),
        (((130, 2400),), (0, 0), Verdict.MORE),
        ((), (0, 2400), Verdict.AGREES),  # both say that nothing came
        ((), (0, 0), Verdict.MORE),
        (((0, 200),), (0, 200), Verdict.MORE),  # 200 s of one, 2200 s of the other
    ],
)
def test_verdict(
    delivered: tuple[tuple[int, int], ...], silent: tuple[int, int], verdict: Verdict
) -> None:
    samples = noted_all_through(LESSON, SEAT, classroom="far-1-r1", silent=silent)
    assert compare(WINDOW, spans(*delivered), notes(*samples)).verdict is verdict


def test_gaps_only_one_of_them_saw() -> None:
    samples = noted_all_through(LESSON, SEAT, classroom="far-1-r1", silent=(600, 900))
    opinion = compare(WINDOW, spans((0, 1200), (1500, 2400)), notes(*samples))
    assert opinion.relay_only == spans((600, 900))
    assert opinion.terminal_only == spans((1200, 1500))
    assert (opinion.observed_s, opinion.agreed_s) == (2400, 1800)
    # Equal on both sides: the terminal is said to have seen less.
    assert opinion.verdict is Verdict.LESS


def test_a_short_look_is_compared_over_its_own_time() -> None:
    opinion = compare(WINDOW, spans((0, 2400)), notes(sample(100, 110), sample(110, 120)))
    assert opinion.verdict is Verdict.AGREES
    assert (opinion.observed_s, opinion.unobserved_s) == (20, 2380)


def media(first: int, last: int) -> SeatMedia:
    begins, ends = (START + timedelta(seconds=s) for s in (first, last))
    return SeatMedia(FactId(f"r:b:{first}"), LESSON.id, SEAT, begins, ends, 100, 100, 1)


def test_opinions_are_of_due_live_seats_that_have_one() -> None:
    evidence = Evidence.of(media(s, s + 10) for s in range(0, 2400, 10))
    said = notes_of(noted_all_through(LESSON, SEAT, classroom="far-1-r1"))
    [one] = opinions_of([LESSON], evidence, said)
    assert (one.seat, one.classroom, one.date) == (SEAT, "far-1-r1", LESSON.date)
    assert (one.verdict, one.observed_s, one.agreed_s) == (Verdict.AGREES, 2400, 2400)
    excused = Change(ChangeKind.CANCELLED, at("08:00"), "a", "停电", excused=True)
    assert opinions_of([replace(LESSON, changes=(excused,))], evidence, said) == ()
    assert opinions_of([replace(LESSON, mode=Mode.RESEARCH)], evidence, said) == ()
    assert opinions_of([LESSON], evidence, {}) == ()
    # Nothing but the lesson's own window is compared.
    late = replace(LESSON, starts_at=at("10:00"), ends_at=at("10:40"))
    assert opinions_of([late], evidence, said) == ()


def test_what_an_audit_prints_names_those_that_differ() -> None:
    silent = notes(*noted_all_through(LESSON, SEAT, classroom="far-1-r1", silent=(0, 2400)))
    opinion = compare(WINDOW, spans((0, 2400)), silent)
    agreeing = replace(kept(LESSON, LESSON.seats[1], opinion), verdict=Verdict.AGREES)
    found = SecondOpinions((kept(LESSON, LESSON.seats[0], opinion), agreeing), 3, 1)
    assert found.to_dict() == {
        "seats": 2,
        "agrees": 1,
        "less": 1,
        "more": 0,
        "journals": {"sealed": 3, "absent": 1},
        "differing": [
            {
                "occurrence": "o-1",
                "seat": "o-1-s0",
                "verdict": "less",
                "observed_s": 2400,
                "relay_only_s": 2400,
                "terminal_only_s": 0,
            }
        ],
    }
    assert set(DIFFERS) == {Verdict.LESS, Verdict.MORE}
