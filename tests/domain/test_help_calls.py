"""When a room may call for help, and which calls still wait."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sync_classroom.domain.help_calls import (
    MAX_CALLS,
    STALE_AFTER,
    CallTurn,
    HelpCall,
    call_turn,
    waits,
)
from sync_classroom.domain.ids import ActId, ClassroomId, TerminalId
from tests.support.plans import at

NOW = at("20:00")
CALL = HelpCall(ActId("a"), ClassroomId("r"), TerminalId("t"), None, NOW, "", {})


def test_a_call_waits_until_it_is_answered_or_stale() -> None:
    assert waits(CALL, NOW)
    assert waits(replace(CALL, at=NOW - STALE_AFTER + timedelta(seconds=1)), NOW)
    assert not waits(replace(CALL, at=NOW - STALE_AFTER), NOW)
    assert not waits(replace(CALL, answered_by="op", answered_at=NOW), NOW)


def test_one_call_at_a_time_and_a_bounded_number_in_half_a_day() -> None:
    answered = replace(CALL, answered_by="op", answered_at=NOW)
    stale = replace(CALL, at=NOW - STALE_AFTER)
    assert call_turn((), NOW) is CallTurn.NOW
    assert call_turn((answered, stale), NOW) is CallTurn.NOW
    assert call_turn((answered, CALL), NOW) is CallTurn.WAITING
    assert call_turn((answered,) * (MAX_CALLS - 1) + (stale,) * 9, NOW) is CallTurn.NOW
    assert call_turn((answered,) * MAX_CALLS, NOW) is CallTurn.TOO_MANY
