"""What terminals say of pushes: read strictly, placed by our clock, each step one fact."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from sync_classroom.domain.facts import PushStep
from sync_classroom.domain.fields import MalformedError
from sync_classroom.domain.ids import ClassroomId, PushId, ResourceId, SchoolId, TargetId
from sync_classroom.domain.push_copies import (
    MAX_SAID,
    CopyState,
    Failure,
    NotTakenError,
    facts_of,
    parse_message,
    parse_said,
)
from sync_classroom.domain.push_orders import Cancellation, PushOrder
from sync_classroom.domain.targeting import Rule
from sync_classroom.domain.timetable import PushTarget
from tests.support.plans import at

ORDER = PushOrder(
    PushId("p-1"), ResourceId("r-1"), 1, Rule(),
    (PushTarget(TargetId("t1"), SchoolId("s"), ClassroomId("c")),), "补推", "wang",
    at("08:00"), at("08:00"), sent_at=at("08:00"),
)  # fmt: skip
NOW = at("12:00")
SENT_MS = 1_000_000_000_000  # a device that believes it is 2001


def said(**changes: Any) -> dict[str, Any]:
    return {
        "push": "p-1", "target": "t1", "state": "kept", "bytes": 5, "failure": None,
        "watched_s": 0, **changes,
    }  # fmt: skip


def ms(at_: datetime) -> int:
    """An instant by the device's wrong clock."""
    return SENT_MS - (NOW - at_) // timedelta(milliseconds=1)


def facts(order: PushOrder = ORDER, **changes: Any) -> list[tuple[str, datetime]]:
    found = facts_of(parse_said(0, said(**changes)), order, sent_ms=SENT_MS, received_at=NOW)
    return [(f.id, f.at) for f in found]


def test_instants_are_placed_by_our_clock_and_steps_are_named_once() -> None:
    assert facts(delivered=ms(at("09:00")), opened=ms(at("09:30"))) == [
        ("p-1.t1.push_delivered", at("09:00")),
        ("p-1.t1.push_opened", at("09:30")),
    ]


def test_a_later_step_says_the_earlier_ones_and_none_comes_after_it() -> None:
    assert facts(completed=ms(at("10:00")), delivered=ms(at("11:00"))) == [
        ("p-1.t1.push_delivered", at("10:00")),
        ("p-1.t1.push_opened", at("10:00")),
        ("p-1.t1.push_completed", at("10:00")),
    ]
    assert facts() == []


def test_what_cannot_be_is_put_where_it_can() -> None:
    assert facts(delivered=SENT_MS + 60_000) == [("p-1.t1.push_delivered", NOW)]
    assert facts(delivered=0) == [("p-1.t1.push_delivered", at("08:00"))]
    assert facts(delivered=2**53) == [("p-1.t1.push_delivered", NOW)]


def test_after_the_order_was_over_nothing_counts_and_before_it_does() -> None:
    steps = {"delivered": ms(at("09:00")), "opened": ms(at("10:00"))}
    first = [("p-1.t1.push_delivered", at("09:00"))]
    assert facts(replace(ORDER, expires_at=at("10:00")), **steps) == first
    gone = Cancellation(at("09:30"), "wang", "发错了")
    assert facts(replace(ORDER, cancelled=gone, expires_at=at("11:00")), **steps) == first


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"push": "../x"}, "push"),
        ({"state": "lost"}, "state"),
        ({"bytes": -1}, "bytes"),
        ({"bytes": True}, "bytes"),
        ({"watched_s": 1.5}, "watched_s"),
        ({"failure": "bored"}, "failure"),
        ({"opened": "now"}, "opened"),
        ({"seen": 5}, "seen"),
    ],
)
def test_a_bad_word_is_refused_by_itself_naming_the_field(
    changes: dict[str, Any], named: str
) -> None:
    with pytest.raises(NotTakenError, match=named) as refused:
        parse_said(3, said(**changes))
    assert refused.value.code == "malformed"
    assert "copies[3]" in refused.value.zh
    assert refused.value.target == "t1"


@pytest.mark.parametrize("values", [None, [], {"sent": 1}, {"sent": 1, "copies": []},
                                    {"sent": -1, "copies": [1]}, {"sent": 1, "copies": 5},
                                    {"sent": 1, "copies": [1], "more": 2},
                                    {"sent": 1, "copies": [1] * (MAX_SAID + 1)}])  # fmt: skip
def test_a_message_that_is_none_is_refused(values: object) -> None:
    with pytest.raises(MalformedError):
        parse_message(values)


def test_every_state_and_failure_is_read() -> None:
    for state in CopyState:
        assert parse_said(0, said(state=state.value)).state is state
    for failure in Failure:
        assert parse_said(0, said(failure=failure.value)).failure is failure
    read = parse_said(0, said(completed=7))
    assert read.steps == {PushStep.COMPLETED: 7}
