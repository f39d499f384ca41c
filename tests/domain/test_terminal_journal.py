"""What a device sends is read field by field, set right by its clock's error, and sealed."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_classroom.domain.fields import MalformedError
from sync_classroom.domain.ids import ClassroomId
from sync_classroom.domain.terminal_journal import (
    MAX_AGE,
    MAX_SAMPLES,
    RefusedError,
    SealCheck,
    grouped,
    parse_noted,
    parse_sample,
    parse_sent,
    place,
    sample_to_dict,
    seal,
    sealed,
    spool_name,
)
from tests.support.plans import at, lesson
from tests.support.terminal_journals import SPOOL, kept, message, ms_of, row

ROOM = ClassroomId("far-1-r1")
LESSON = lesson("o-1", seats=["far-1-r1", "far-1-r2"])
LATER = at("12:00")


def refusal(changes: dict[str, Any], *, planned: Any = LESSON, received: Any = LATER) -> str:
    def taken() -> None:
        noted = parse_noted(0, row(7, at("09:10")) | changes)
        place(noted, planned, ROOM, sent_ms=ms_of(received), received_at=received)

    with pytest.raises(RefusedError) as caught:
        taken()
    assert caught.value.zh
    assert caught.value.n == changes.get("n", 7)
    return caught.value.code


def test_a_clock_that_was_compared_at_the_time_is_set_right_by_that() -> None:
    [sample] = kept(LESSON, [row(1, at("09:10"), slow_s=90.5)], classroom=ROOM, received=LATER)
    assert (sample.from_at, sample.to_at) == (at("09:10"), at("09:10:10"))
    assert sample.clock_from == at("09:08:29.5")
    assert sample.clock_to - sample.clock_from == timedelta(seconds=10)
    assert sample.measured


def test_a_clock_that_was_not_is_compared_when_the_sample_is_sent() -> None:
    # The device is an hour ahead and was never told so: it says one o'clock when it is noon.
    noted = parse_noted(0, row(1, at("10:10"), offset=None))
    ahead = ms_of(at("13:00"))
    assert place(noted, LESSON, ROOM, sent_ms=ahead, received_at=LATER) == (
        at("09:10"),
        at("09:10:10"),
    )


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"lesson": "o-2/"}, "malformed"),
        ({"seat": 3}, "malformed"),
        ({"to": ms_of(at("09:10"))}, "malformed"),
        ({"to": ms_of(at("09:10:16"))}, "malformed"),
        ({"moved": 10_001}, "malformed"),
        ({"frames": -1}, "malformed"),
        ({"sound": True}, "malformed"),
        ({"offset": 0.5}, "malformed"),
        ({"offset": 2**60}, "malformed"),
        ({"loudness": 3}, "malformed"),
        ({"seat": "o-1-s1"}, "other_room"),
        ({"seat": "o-1-s9"}, "other_room"),
        ({"offset": 2 * 3_600_000}, "outside"),
        ({"offset": 3 * 3_600_000}, "future"),
        ({"offset": 2**52}, "clock"),
    ],
)
def test_what_cannot_be_is_refused_by_itself_and_says_why(
    changes: dict[str, Any], code: str
) -> None:
    assert refusal(changes) == code


def test_a_lesson_nobody_planned_and_an_old_sample_are_refused() -> None:
    assert refusal({}, planned=None) == "unknown_lesson"
    assert refusal({}, received=at("09:10") + MAX_AGE + timedelta(seconds=1)) == "too_old"


def test_a_refused_field_is_named_with_its_place_and_value() -> None:
    with pytest.raises(RefusedError, match=r"samples\[3\]: field 'frames' .*not 'many'"):
        parse_noted(3, row(1, at("09:10"), frames="many"))
    with pytest.raises(RefusedError) as caught:
        parse_noted(0, "rubbish")
    assert caught.value.n is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"spool": "short"}, "spool"),
        ({"sent": "noon"}, "sent"),
        ({"lost": -1}, "lost"),
        ({"samples": []}, "samples"),
        ({"samples": [{}] * (MAX_SAMPLES + 1)}, "samples"),
        ({"token": "t"}, "token"),
    ],
)
def test_a_message_that_is_none_is_refused_whole(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(MalformedError) as caught:
        parse_sent(message([{}], LATER) | changes)
    assert caught.value.field == field


def test_a_full_message_of_the_longest_names_fits_a_request() -> None:
    longest = row(2**50, at("09:10"), lesson="l" * 96, seat="s" * 96)
    body = json.dumps(message([longest] * MAX_SAMPLES, LATER))
    assert len(body.encode()) < 64 * 1024


def test_numbers_of_another_room_are_other_numbers() -> None:
    assert spool_name(ROOM, SPOOL) != spool_name(ClassroomId("far-1-r2"), SPOOL)


def test_a_sample_is_heard_when_media_moved_for_four_fifths_of_it() -> None:
    rows = [row(1, at("09:10"), moved=8000), row(2, at("09:10:10"), moved=7999)]
    samples = kept(LESSON, rows, classroom=ROOM, received=LATER)
    assert [s.heard for s in samples] == [True, False]


def test_samples_are_sealed_by_seat_under_the_number_of_the_first() -> None:
    two = replace(LESSON, seats=tuple(replace(s, classroom=ROOM) for s in LESSON.seats))
    rows = [row(n, at(f"09:1{n}"), seat=f"o-1-s{n % 2}") for n in (3, 1, 2)]
    groups = grouped(kept(two, rows, classroom=ROOM, received=LATER))
    name = spool_name(ROOM, SPOOL)
    assert [[s.id for s in g] for g in groups] == [
        [f"ts:{name}:1", f"ts:{name}:3"],
        [f"ts:{name}:2"],
    ]
    assert [{s.journal for s in g} for g in groups] == [{f"tj:{name}:1"}, {f"tj:{name}:2"}]
    fact = seal(groups[0])
    assert (fact.id, fact.samples) == (f"tj:{name}:1", 2)
    assert (fact.from_at, fact.to_at) == (at("09:11"), at("09:13:10"))


@given(st.permutations(range(6)), st.integers(0, 5))
def test_a_seal_knows_no_order_and_every_change(order: list[int], which: int) -> None:
    [group] = grouped(
        kept(
            LESSON,
            [row(n + 1, at(f"09:1{n}")) for n in range(6)],
            classroom=ROOM,
            received=LATER,
        )
    )
    whole = sealed(group)
    assert sealed([group[n] for n in order]) == whole
    assert sealed(group[:which] + group[which + 1 :]) != whole
    other = replace(group[which], frames=group[which].frames + 1)
    assert sealed([*group[:which], other, *group[which + 1 :]]) != whole


def test_a_line_of_the_bundle_is_read_back_and_seals_alike() -> None:
    [group] = grouped(kept(LESSON, [row(1, at("09:10"))], classroom=ROOM, received=LATER))
    again = [parse_sample(json.loads(json.dumps(sample_to_dict(s)))) for s in group]
    assert again == group
    assert sealed(again) == sealed(group)
    for field in sample_to_dict(group[0]):
        short = {k: v for k, v in sample_to_dict(group[0]).items() if k != field}
        with pytest.raises(MalformedError) as caught:
            parse_sample(short)
        assert caught.value.field == field


def test_seals_are_met_missing_or_broken() -> None:
    draw = random.Random(7)
    rows = [row(n, at("09:00") + timedelta(seconds=10 * n)) for n in range(1, 13)]
    samples = kept(LESSON, rows, classroom=ROOM, received=LATER)
    groups = [grouped(samples[n : n + 3])[0] for n in (0, 3, 6, 9)]
    check = SealCheck()
    for group in groups[:3]:
        check.seal(seal(group))
        check.seal(seal(group))
    draw.shuffle(groups[0])
    check.check(groups[0][0].journal, groups[0])
    check.check(groups[1][0].journal, groups[1][:2])
    check.check(groups[3][0].journal, groups[3])
    assert check.sealed == 1
    assert check.broken == [groups[1][0].journal, groups[3][0].journal]
    assert check.absent == (groups[2][0].journal,)
    # A journal that is told twice is not what was sealed.
    check.check(groups[0][0].journal, groups[0])
    assert check.broken[-1] == groups[0][0].journal
