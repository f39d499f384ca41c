from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.lesson import (
    Effect,
    EndPressed,
    EndReason,
    Event,
    ExtendPressed,
    HostEvidence,
    HostMedia,
    LessonRules,
    LessonRun,
    LessonState,
    LessonTableError,
    Step,
    Trigger,
    can_extend,
    effective_end,
    is_over,
    latest_end,
    seat_leaves_at,
    step,
    transition,
    wants_room,
)
from sync_classroom.domain.timetable import Change, ChangeKind, Occurrence
from tests.support.plans import at, lesson

RULES = LessonRules()
LESSON = lesson("a", "09:00", "09:40")
FRESH = LessonRun(OccurrenceId("a"))
FLOWS, SILENT, END, EXTEND = HostMedia(True), HostMedia(False), EndPressed(), ExtendPressed()
OPEN, CLOSE, TELL = Effect.OPEN_ROOM, Effect.CLOSE_ROOM, Effect.TELL


def cancelled(clock: str, kind: ChangeKind = ChangeKind.CANCELLED) -> Occurrence:
    return replace(LESSON, changes=(Change(kind, at(clock), "admin", "停电"),))


def play(
    *moves: tuple[str, Event | None] | str,
    run: LessonRun = FRESH,
    occurrence: Occurrence = LESSON,
    room: datetime | None = None,
) -> Step:
    """Step through clock times, each with an event or without; the last step."""
    last = Step(run, (), None)
    for move in moves:
        clock, event = (move, None) if isinstance(move, str) else move
        last = step(
            last.run, occurrence, now=at(clock), rules=RULES, event=event, room_free_until=room
        )
    return last


S, T = LessonState, Trigger
KNOWN: dict[tuple[LessonState, Trigger], LessonState] = {
    **{
        (s, t): s
        for s in S
        for t in (T.HOST_FLOWS, T.HOST_SILENT, T.HOST_PROVEN, T.END_PRESSED, T.EXTEND_PRESSED)
    },
    (S.PLANNED, T.OPENING): S.OPEN,
    (S.PLANNED, T.OVER): S.MISSED,
    (S.PLANNED, T.WITHDRAWN): S.CANCELLED,
    (S.OPEN, T.HOST_FLOWS): S.LIVE,
    (S.OPEN, T.HOST_PROVEN): S.LIVE,
    (S.OPEN, T.OVER): S.MISSED,
    (S.OPEN, T.WITHDRAWN): S.CANCELLED,
    (S.LIVE, T.END_PRESSED): S.ENDED,
    (S.LIVE, T.OVER): S.ENDED,
    (S.LIVE, T.WITHDRAWN): S.ENDED,
    (S.MISSED, T.HOST_PROVEN): S.LIVE,
    (S.CANCELLED, T.HOST_PROVEN): S.LIVE,
    (S.CANCELLED, T.RESTORED): S.PLANNED,
}


@pytest.mark.parametrize("state", S)
@pytest.mark.parametrize("trigger", T)
def test_every_pair_of_the_table(state: LessonState, trigger: Trigger) -> None:
    if (state, trigger) in KNOWN:
        assert transition(state, trigger) is KNOWN[state, trigger]
    else:
        with pytest.raises(LessonTableError, match=f"{state} knows no {trigger}"):
            transition(state, trigger)


def test_a_lesson_from_plan_to_end() -> None:
    first = play("08:49:59")
    assert first == Step(FRESH, (), at("08:50"))
    opened = play("08:50")
    assert opened.run == replace(FRESH, state=S.OPEN, opened_at=at("08:50"))
    assert opened.effects == (OPEN, TELL)
    assert opened.wake_at == at("09:45")
    live = play(("09:00:03", FLOWS), run=opened.run)
    assert live.run == replace(opened.run, state=S.LIVE, live_at=at("09:00:03"))
    assert (live.effects, live.wake_at) == ((TELL,), at("09:45"))
    again = play(("09:10", FLOWS), run=live.run)
    assert again == Step(live.run, (), at("09:45"))
    ended = play(("09:38", END), run=live.run)
    assert ended.run == replace(
        live.run, state=S.ENDED, ended_at=at("09:38"), end_reason=EndReason.BUTTON
    )
    assert (ended.effects, ended.wake_at) == ((CLOSE, TELL), None)
    assert play(("09:38:01", END), ("09:39", FLOWS), "11:00", run=ended.run) == Step(
        ended.run, (), None
    )


def test_a_lesson_may_begin_before_its_bell_but_not_before_its_room_opens() -> None:
    assert play(("08:49", FLOWS)).run == FRESH
    assert play(("08:49", FLOWS), ("08:51", FLOWS)).run.live_at == at("08:51")


def test_a_lesson_without_host_is_missed_when_a_live_one_would_be_over() -> None:
    assert play("08:50", "09:44:59").run.state is S.OPEN
    missed = play("08:50", "09:45")
    assert missed.run == replace(FRESH, state=S.MISSED, opened_at=at("08:50"))
    assert (missed.effects, missed.wake_at) == ((CLOSE, TELL), None)
    assert play("08:50", "09:40", room=at("09:40")).run.state is S.MISSED


def test_a_live_lesson_runs_on_by_grace() -> None:
    begun = play("08:50", ("09:00", FLOWS), "09:44:59")
    assert (begun.run.state, begun.wake_at) == (S.LIVE, at("09:45"))
    over = play("09:47", run=begun.run)
    assert (over.run.ended_at, over.run.end_reason) == (at("09:45"), EndReason.GRACE_OVER)


def test_each_press_adds_five_minutes() -> None:
    run = play("08:50", ("09:00", FLOWS), ("09:39", EXTEND)).run
    assert effective_end(run, LESSON) == at("09:45")
    assert latest_end(run, LESSON) == at("09:50")
    pressed = play(("09:49", EXTEND), run=run)
    assert (pressed.run.extended_s, pressed.effects) == (600, (TELL,))
    assert pressed.wake_at == at("09:55")
    assert play("09:55", run=pressed.run).run.end_reason is EndReason.GRACE_OVER
    assert play(("09:50", EXTEND), run=run).run.state is S.ENDED


def test_presses_together_add_no_more_than_terminals_can_use() -> None:
    run = play("08:50", ("09:00", FLOWS), *[("09:30", EXTEND)] * 4).run
    assert can_extend(run, LESSON)
    run = play(("09:30", EXTEND), run=run).run
    assert (run.extended_s, latest_end(run, LESSON)) == (1500, at("10:10"))
    assert not can_extend(run, LESSON)
    assert play(("09:30", EXTEND), run=run).effects == ()
    # Rules that became narrower hold for what was pressed before.
    narrow = LessonRules(max_extended_s=600)
    assert effective_end(run, LESSON, narrow) == at("09:50")
    step_ = step(run, LESSON, now=at("09:55"), rules=narrow)
    assert step_.run.end_reason is EndReason.GRACE_OVER


def test_never_into_the_next_booking_of_the_host_room() -> None:
    room = at("09:47")
    run = play("08:50", ("09:00", FLOWS), room=room).run
    assert latest_end(run, LESSON, RULES, room) == at("09:45")
    pressed = play(("09:30", EXTEND), run=run, room=room)
    assert (pressed.run.extended_s, pressed.wake_at) == (300, room)
    assert effective_end(pressed.run, LESSON, RULES, room) == at("09:45")
    assert can_extend(pressed.run, LESSON, RULES, room)
    pressed = play(("09:30", EXTEND), run=pressed.run, room=room)
    assert pressed.run.extended_s == 420
    assert effective_end(pressed.run, LESSON, RULES, room) == room
    assert not can_extend(pressed.run, LESSON, RULES, room)
    ended = play("10:00", run=pressed.run, room=room).run
    assert (ended.ended_at, ended.end_reason) == (room, EndReason.NEXT_BOOKING)


def test_a_booking_back_to_back_leaves_no_grace() -> None:
    run = play("08:50", ("09:00", FLOWS), room=at("09:40")).run
    assert not can_extend(run, LESSON, RULES, at("09:40"))
    ended = play("09:40", run=run, room=at("09:40")).run
    assert (ended.ended_at, ended.end_reason) == (at("09:40"), EndReason.NEXT_BOOKING)
    # A booking inside the window would be a clash; the lesson keeps its planned time.
    assert latest_end(run, LESSON, RULES, at("09:20")) == at("09:40")


def test_host_gone_for_three_minutes_ends_only_after_the_planned_end() -> None:
    begun = play("08:50", ("09:00", FLOWS), ("09:10", SILENT))
    assert begun.run.host_lost_at == at("09:10")
    assert (begun.effects, begun.wake_at) == ((TELL,), at("09:40"))
    assert play(("09:20", SILENT), run=begun.run) == Step(begun.run, (), at("09:40"))
    back = play(("09:20", FLOWS), run=begun.run)
    assert (back.run.host_lost_at, back.run.live_at) == (None, at("09:00"))
    gone = play("09:41", run=begun.run).run
    assert (gone.ended_at, gone.end_reason) == (at("09:40"), EndReason.HOST_GONE)


@pytest.mark.parametrize(
    ("lost", "ended", "reason"),
    [
        ("09:36:59", "09:40:00", EndReason.HOST_GONE),
        ("09:38:00", "09:41:00", EndReason.HOST_GONE),
        ("09:41:00", "09:44:00", EndReason.HOST_GONE),
        ("09:42:00", "09:45:00", EndReason.GRACE_OVER),
    ],
)
def test_host_gone_near_the_planned_end(lost: str, ended: str, reason: EndReason) -> None:
    run = play("08:50", ("09:00", FLOWS), (lost, SILENT), "10:00").run
    assert (run.ended_at, run.end_reason) == (at(ended), reason)


@pytest.mark.parametrize("kind", [ChangeKind.CANCELLED, ChangeKind.MOVED])
def test_withdrawn_before_the_host_is_live_is_cancelled(kind: ChangeKind) -> None:
    gone = cancelled("08:55", kind)
    early = play("08:56", occurrence=gone)
    assert early.run == replace(FRESH, state=S.CANCELLED)
    assert (early.effects, early.wake_at) == ((CLOSE, TELL), None)
    opened = play("08:50").run
    late = play("09:20", run=opened, occurrence=gone)
    assert (late.run.state, late.effects) == (S.CANCELLED, (CLOSE, TELL))
    assert play(("09:21", FLOWS), run=late.run, occurrence=gone) == Step(late.run, (), None)


def test_withdrawn_while_live_is_ended_because_it_took_place() -> None:
    live = play("08:50", ("09:00", FLOWS)).run
    ended = play("09:13", run=live, occurrence=cancelled("09:12"))
    assert ended.run.state is S.ENDED
    assert (ended.run.ended_at, ended.run.end_reason) == (at("09:12"), EndReason.CANCELLED)
    assert ended.effects == (CLOSE, TELL)


def test_restored_after_it_was_cancelled_is_as_if_nothing_had_been() -> None:
    gone = play("08:52", run=play("08:50").run, occurrence=cancelled("08:51")).run
    assert gone.state is S.CANCELLED
    assert play("08:49", run=gone).run == FRESH
    again = play("08:53", run=gone)
    assert again.run == replace(FRESH, state=S.OPEN, opened_at=at("08:53"))
    assert again.effects == (OPEN, TELL)
    assert play("09:45", run=gone).run.state is S.MISSED


def test_restored_after_it_was_live_is_over_all_the_same() -> None:
    live = play("08:50", ("09:00", FLOWS)).run
    ended = play("09:13", run=live, occurrence=cancelled("09:12")).run
    assert play("09:14", run=ended).run == ended


def test_withdrawn_afterwards_changes_nothing() -> None:
    missed = play("08:50", "09:45").run
    assert play("12:00", run=missed, occurrence=cancelled("11:00")).run == missed
    assert play("12:00", occurrence=cancelled("11:00")).run.state is S.MISSED
    live = play("08:50", ("09:00", FLOWS)).run
    run = play("12:00", run=live, occurrence=cancelled("11:00")).run
    assert (run.ended_at, run.end_reason) == (at("09:45"), EndReason.GRACE_OVER)


def test_a_withdrawal_holds_although_the_clock_was_set_back() -> None:
    assert play("08:00", occurrence=cancelled("08:55")).run.state is S.CANCELLED


@pytest.mark.parametrize(
    ("clock", "state"),
    [("08:58", S.OPEN), ("09:20", S.OPEN), ("09:41", S.OPEN), ("09:45", S.MISSED)],
)
def test_a_lesson_created_late_or_found_after_a_restart(clock: str, state: LessonState) -> None:
    found = play(clock)
    assert found.run.state is state
    assert found.run.opened_at == (at(clock) if state is S.OPEN else None)
    assert found.effects == ((OPEN, TELL) if state is S.OPEN else (CLOSE, TELL))


def test_a_coordinator_back_during_the_grace_finds_the_lesson_live() -> None:
    before = play("08:50").run
    back = play(("09:42", FLOWS), ("09:42", HostEvidence(at("09:00"), at("09:41:55"))), run=before)
    assert back.run == replace(before, state=S.LIVE, live_at=at("09:00"))
    assert back.wake_at == at("09:45")


def test_clock_stepped_by_an_hour() -> None:
    ahead = play("08:50", ("09:00", FLOWS), "10:05").run
    assert (ahead.state, ahead.ended_at) == (S.ENDED, at("09:45"))
    live = play("08:50", ("09:00", FLOWS)).run
    assert play("08:05", run=live) == Step(live, (), at("09:45"))
    assert play(("08:05", END), run=live).run.ended_at == at("09:00")


def test_late_evidence_corrects_missed_to_ended() -> None:
    missed = play("08:50", "09:45").run
    proven = play(("10:30", HostEvidence(at("09:01"), at("09:38:30"))), run=missed)
    assert proven.run == replace(
        missed,
        state=S.ENDED,
        live_at=at("09:01"),
        ended_at=at("09:41:30"),
        end_reason=EndReason.HOST_GONE,
        host_lost_at=at("09:38:30"),
    )
    assert (proven.effects, proven.wake_at) == ((TELL,), None)
    again = play(("10:40", HostEvidence(at("09:01"), at("09:38:30"))), run=proven.run)
    assert again == Step(proven.run, (), None)
    long = play(("10:30", HostEvidence(at("09:01"), at("10:20"))), run=missed).run
    assert (long.ended_at, long.end_reason) == (at("09:45"), EndReason.GRACE_OVER)


def test_late_evidence_in_parts_ends_as_in_one() -> None:
    missed = play("08:50", "09:45").run
    whole = play(("10:30", HostEvidence(at("09:01"), at("09:43"))), run=missed).run
    parts = play(
        ("10:30", HostEvidence(at("09:20"), at("09:30"))),
        ("10:31", HostEvidence(at("09:01"), at("09:30"))),
        ("10:32", HostEvidence(at("09:01"), at("09:43"))),
        run=missed,
    ).run
    assert parts == whole
    assert (whole.live_at, whole.ended_at) == (at("09:01"), at("09:45"))


def test_evidence_moves_live_at_back_to_the_first_packet() -> None:
    live = play("08:50", ("09:00:04", FLOWS)).run
    proven = play(("09:00:10", HostEvidence(at("09:00:01"), at("09:00:09"))), run=live)
    assert proven.run == replace(live, live_at=at("09:00:01"))
    early = play(("09:00:10", HostEvidence(at("08:46"), at("09:00:09"))), run=live)
    assert early.run.live_at == at("08:50")
    ended = play(("09:30", END), run=live).run
    proven = play(("09:31", HostEvidence(at("09:00:01"), at("09:30"))), run=ended)
    assert proven.run == replace(ended, live_at=at("09:00:01"))


def test_evidence_shortens_a_silence_that_was_seen_too_early() -> None:
    run = play("08:50", ("09:00", FLOWS), ("09:41", SILENT), "09:44:30").run
    assert (run.ended_at, run.end_reason) == (at("09:44"), EndReason.HOST_GONE)
    later = HostEvidence(at("09:00"), at("09:41:20"))
    assert play(("09:44:40", later), run=run).run.ended_at == at("09:44:20")
    # Had it flowed so long that it would be live still, the room is closed all the same.
    still = HostEvidence(at("09:00"), at("09:43"))
    assert play(("09:44:40", still), run=run).run.ended_at == at("09:44")


@pytest.mark.parametrize(
    ("first", "last"),
    [("08:46", "08:50"), ("09:45", "09:50"), ("09:10", "09:10"), ("09:20", "09:10")],
)
def test_evidence_outside_the_lesson_proves_nothing(first: str, last: str) -> None:
    missed = play("08:50", "09:45").run
    assert play(("10:30", HostEvidence(at(first), at(last))), run=missed).run == missed


def test_evidence_is_no_reason_to_open_early() -> None:
    assert play(("08:40", HostEvidence(at("09:00"), at("09:10")))).run == FRESH


def test_evidence_for_a_cancelled_lesson_counts_only_before_the_cancellation() -> None:
    gone = cancelled("09:12")
    run = play("08:50", "09:13", occurrence=gone, run=play("08:50").run).run
    assert run.state is S.CANCELLED
    after = HostEvidence(at("09:12"), at("09:20"))
    assert play(("10:00", after), run=run, occurrence=gone).run == run
    before = HostEvidence(at("09:05"), at("09:12:03"))
    proven = play(("10:00", before), run=run, occurrence=gone).run
    assert (proven.state, proven.live_at) == (S.ENDED, at("09:05"))
    assert (proven.ended_at, proven.end_reason) == (at("09:12"), EndReason.CANCELLED)


def test_buttons_before_the_lesson_is_live_do_nothing() -> None:
    opened = play("08:50").run
    assert play(("09:00", END), ("09:01", EXTEND), run=opened).run == opened
    assert play(("08:00", END), ("08:01", EXTEND)).run == FRESH
    assert not can_extend(opened, LESSON)


@pytest.mark.parametrize(
    ("moves", "now", "over"),
    [
        ((), "08:00", False),
        ((), "09:44:59", False),
        ((), "09:45", True),  # nobody came, and nobody was there to note it
        ((("09:00", FLOWS),), "09:39:59", False),
        ((("09:00", FLOWS), ("09:05", END)), "09:05", True),  # ended early: at once
        ((("09:00", FLOWS),), "09:44:59", False),  # it runs on
        ((("09:00", FLOWS),), "09:45", True),
        ((("09:00", FLOWS), ("09:10", EXTEND)), "09:49:59", False),
        ((("09:00", FLOWS), ("09:30", SILENT)), "09:40", True),  # host gone, coordinator too
    ],
)
def test_a_lesson_is_over_when_it_has_ended_whoever_noted_it(
    moves: tuple[tuple[str, Event]], now: str, over: bool
) -> None:
    run = play(*moves).run if moves else FRESH
    assert is_over(run, LESSON, now=at(now), rules=RULES) is over


def test_a_cancelled_lesson_is_over_before_it_would_have_begun() -> None:
    assert is_over(FRESH, cancelled("07:00"), now=at("08:00"), rules=RULES)


def test_a_seat_whose_classroom_has_another_lesson_leaves_in_time_alone() -> None:
    run = play("08:50", ("09:00", FLOWS)).run
    assert seat_leaves_at(run, LESSON, seat_free_until=None) is None
    assert seat_leaves_at(run, LESSON, seat_free_until=at("09:42")) == at("09:42")
    assert seat_leaves_at(run, LESSON, seat_free_until=at("09:40")) == at("09:40")
    assert seat_leaves_at(run, LESSON, seat_free_until=at("09:45")) is None
    extended = play(("09:30", EXTEND), run=run).run
    assert seat_leaves_at(extended, LESSON, seat_free_until=at("09:45")) == at("09:45")
    assert (
        seat_leaves_at(extended, LESSON, seat_free_until=at("09:45"), room_free_until=at("09:43"))
        is None
    )


@pytest.mark.parametrize("state", S)
def test_a_room_is_wanted_while_open_or_live(state: LessonState) -> None:
    assert wants_room(replace(FRESH, state=state)) is (state in (S.OPEN, S.LIVE))


# ------------------------------------------------------------------ properties

_SECOND = st.integers(-1200, 4800)
_EVENT = st.sampled_from([FLOWS, SILENT, END, EXTEND, FLOWS, SILENT])
_SCRIPT = st.lists(st.tuples(_SECOND, _EVENT), max_size=8).map(
    lambda s: sorted(s, key=lambda m: m[0])
)
_ROOM = st.one_of(st.none(), st.integers(2400, 4800))
_CANCEL = st.one_of(st.none(), st.integers(-3600, 4800))
_RANK = {S.PLANNED: 0, S.OPEN: 1, S.LIVE: 2, S.ENDED: 3, S.MISSED: 3, S.CANCELLED: 3}


def _clock(second: int) -> datetime:
    return LESSON.starts_at + timedelta(seconds=second)


def _occurrence(cancel: int | None) -> Occurrence:
    if cancel is None:
        return LESSON
    return replace(LESSON, changes=(Change(ChangeKind.CANCELLED, _clock(cancel), "x", ""),))


def _known_at(occurrence: Occurrence, now: datetime) -> Occurrence:
    """A change is not known before it is made."""
    return replace(occurrence, changes=tuple(c for c in occurrence.changes if c.at <= now))


def _run_script(
    moves: list[tuple[int, Event | None]], occurrence: Occurrence, room: datetime | None
) -> list[Step]:
    steps = [Step(FRESH, (), None)]
    for second, event in moves:
        now = _clock(second)
        taken = step(
            steps[-1].run,
            _known_at(occurrence, now),
            now=now,
            event=event,
            room_free_until=room,
        )
        steps.append(taken)
    return steps


def _outcome(run: LessonRun) -> tuple[object, ...]:
    return (run.state, run.live_at, run.ended_at, run.end_reason, run.extended_s)


@given(_SCRIPT, st.lists(_SECOND, max_size=12), _ROOM, _CANCEL)
def test_extra_ticks_at_any_time_change_nothing(
    script: list[tuple[int, Event]], ticks: list[int], room_s: int | None, cancel: int | None
) -> None:
    """Convergent: the events decide, not how often or when the alarm clock rang between them."""
    occurrence = _occurrence(cancel)
    room = None if room_s is None else _clock(room_s)
    sparse = [*script, (4801, None)]
    dense = sorted([*sparse, *((t, None) for t in ticks)], key=lambda m: m[0])
    few, many = _run_script(sparse, occurrence, room), _run_script(dense, occurrence, room)
    assert _outcome(few[-1].run) == _outcome(many[-1].run)


@given(_SCRIPT, _ROOM, _CANCEL)
def test_waking_at_every_deadline_equals_waking_late(
    script: list[tuple[int, Event]], room_s: int | None, cancel: int | None
) -> None:
    """Driven by `wake_at` alone, every deadline is met in its very second."""
    occurrence = _occurrence(cancel)
    room = None if room_s is None else _clock(room_s)
    run, wake = FRESH, _clock(-1200)
    for second, event in [*script, (4801, None)]:
        while wake is not None and wake < _clock(second):
            taken = step(run, _known_at(occurrence, wake), now=wake, room_free_until=room)
            assert taken.wake_at is None or taken.wake_at > wake
            run, wake = taken.run, taken.wake_at
        now = _clock(second)
        taken = step(run, _known_at(occurrence, now), now=now, event=event, room_free_until=room)
        run, wake = taken.run, taken.wake_at
    late = _run_script([*script, (4801, None)], occurrence, room)[-1].run
    assert _outcome(run) == _outcome(late)


@given(st.lists(_SECOND, min_size=1, max_size=12), _CANCEL, _ROOM)
def test_ticks_in_any_order_end_in_the_same_state(
    ticks: list[int], cancel: int | None, room_s: int | None
) -> None:
    """A clock that jumps about: only the furthest instant it ever showed matters."""
    occurrence = _occurrence(cancel)
    if cancel is not None and cancel > min(ticks):
        occurrence = LESSON
    room = None if room_s is None else _clock(room_s)
    run = FRESH
    for tick in ticks:
        run = step(run, occurrence, now=_clock(tick), room_free_until=room).run
    once = step(FRESH, occurrence, now=_clock(max(ticks)), room_free_until=room).run
    assert _outcome(run) == _outcome(once)


@given(_SCRIPT, _ROOM, _CANCEL)
def test_a_run_never_goes_back_and_nothing_due_is_left(
    script: list[tuple[int, Event]], room_s: int | None, cancel: int | None
) -> None:
    occurrence = _occurrence(cancel)
    room = None if room_s is None else _clock(room_s)
    steps = _run_script(list(script), occurrence, room)
    for (before, after), (second, _) in zip(pairwise(steps), script, strict=True):
        assert _RANK[after.run.state] >= _RANK[before.run.state]
        assert after.run.extended_s >= before.run.extended_s
        assert (after.effects == ()) is (after.run == before.run)
        assert after.wake_at is None or after.wake_at > _clock(second)
        final = after.run.state in (S.ENDED, S.MISSED, S.CANCELLED)
        assert (after.wake_at is None) is final
        if _RANK[before.run.state] == 3:
            assert after.run == before.run
        if after.run.ended_at is not None:
            assert after.run.live_at is not None
            assert after.run.live_at <= after.run.ended_at <= _clock(second)
            if room is not None and after.run.end_reason is not EndReason.BUTTON:
                assert after.run.ended_at <= room


@given(_SCRIPT, _ROOM, _CANCEL)
def test_a_step_is_idempotent(
    script: list[tuple[int, Event]], room_s: int | None, cancel: int | None
) -> None:
    occurrence = _occurrence(cancel)
    room = None if room_s is None else _clock(room_s)
    run = FRESH
    for second, event in script:
        now = _clock(second)
        known = _known_at(occurrence, now)
        taken = step(run, known, now=now, event=event, room_free_until=room)
        run = taken.run
        repeat = None if isinstance(event, ExtendPressed) else event
        again = step(run, known, now=now, event=repeat, room_free_until=room)
        assert again == Step(run, (), taken.wake_at)


@given(st.integers(-900, 3000), st.integers(1, 3000), st.lists(_SECOND, max_size=4), _ROOM)
def test_evidence_ends_the_same_whether_the_lesson_was_watched_or_not(
    first: int, length: int, ticks: list[int], room_s: int | None
) -> None:
    """The host's media as seen live, and as read from the journal an hour later."""
    last = first + length
    room = None if room_s is None else _clock(room_s)
    seen: list[tuple[int, Event | None]] = [(first, FLOWS), (last, SILENT), (9000, None)]
    if first < -600 < last:
        seen.insert(1, (-600, FLOWS))
    proof = HostEvidence(_clock(first), _clock(last))
    watched = _run_script(seen, LESSON, room)[-1].run
    away = [*((t, None) for t in sorted(ticks)), (9000, proof), (9000, proof)]
    unwatched = _run_script(away, LESSON, room)[-1].run
    assert _outcome(unwatched) == _outcome(watched)
