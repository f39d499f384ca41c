"""An order's life, its checks, and how far targets got by facts in any order."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_classroom.domain.facts import PushStep
from sync_classroom.domain.ids import PushId, ResourceId, SchoolId, TargetId
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.push_orders import (
    LONGEST_LIFE,
    LONGEST_WAIT,
    Cancellation,
    OrderState,
    Progress,
    PushOrder,
    Withdrawal,
    check_may_cancel,
    check_may_remind,
    check_reason,
    check_times,
    in_use,
    progress_of,
    step_fact,
)
from sync_classroom.domain.targeting import Rule
from sync_classroom.domain.timetable import PushTarget
from tests.support.plans import at

NOW = at("12:00")
ORDER = PushOrder(
    PushId("p-1"), ResourceId("r-1"), 1, Rule(), (PushTarget(TargetId("t1"), SchoolId("s")),),
    "缺课补推", "wang", NOW, NOW, at("18:00"),
)  # fmt: skip
GONE = Cancellation(NOW, "wang", "发错了")


@pytest.mark.parametrize(
    ("order", "clock", "state"),
    [
        (ORDER, "12:00", OrderState.SCHEDULED),
        (replace(ORDER, sent_at=NOW), "17:59", OrderState.SENT),
        (replace(ORDER, sent_at=NOW), "18:00", OrderState.EXPIRED),
        (ORDER, "18:00", OrderState.EXPIRED),
        (replace(ORDER, sent_at=NOW, expires_at=None), "23:00", OrderState.SENT),
        (replace(ORDER, cancelled=GONE), "12:00", OrderState.CANCELLED),
        (replace(ORDER, sent_at=NOW, cancelled=GONE), "19:00", OrderState.CANCELLED),
    ],
)
def test_an_order_is_in_one_state(order: PushOrder, clock: str, state: OrderState) -> None:
    assert order.state(at(clock)) is state
    if state in (OrderState.SCHEDULED, OrderState.SENT):
        check_may_cancel(order, at(clock))
    else:
        with pytest.raises(ProblemError) as refused:
            check_may_cancel(order, at(clock))
        assert (refused.value.code, refused.value.value) == ("push_over", state.value)


@pytest.mark.parametrize(
    ("order", "clock", "due"),
    [
        (ORDER, "11:59", False),
        (ORDER, "12:00", True),
        (ORDER, "17:59", True),
        (ORDER, "18:00", False),
        (replace(ORDER, sent_at=NOW), "12:00", False),
        (replace(ORDER, cancelled=GONE), "12:00", False),
    ],
)
def test_an_order_is_due_from_its_time_until_it_is_sent_or_over(
    order: PushOrder, clock: str, due: bool
) -> None:
    assert order.is_due(at(clock)) is due


def test_times_lie_in_order_and_within_bounds() -> None:
    second = timedelta(seconds=1)
    check_times(NOW + LONGEST_WAIT, NOW + LONGEST_WAIT + LONGEST_LIFE, NOW)
    check_times(NOW, NOW + second, NOW)
    check_times(NOW, None, NOW)
    for send_at, expires_at, field in (
        (NOW + LONGEST_WAIT + second, None, "send_at"),
        (NOW, NOW, "expires_at"),
        (NOW, NOW + LONGEST_LIFE + second, "expires_at"),
    ):
        with pytest.raises(ProblemError) as refused:
            check_times(send_at, expires_at, NOW)
        assert refused.value.field == field


def test_a_reason_is_there_and_short() -> None:
    assert check_reason("  缺课补推 ") == "缺课补推"
    for text, code in (("  ", "reason_missing"), ("长" * 201, "too_long")):
        with pytest.raises(ProblemError) as refused:
            check_reason(text)
        assert (refused.value.code, refused.value.field) == (code, "reason")


def test_who_rests_on_a_resource_is_named() -> None:
    assert "p-1、p-2" in in_use(["p-1", "p-2"]).zh


@given(st.permutations([(step, hour) for step in PushStep for hour in (9, 8, 10)]))
def test_the_first_fact_of_each_step_counts_in_whatever_order(
    facts: list[tuple[PushStep, int]],
) -> None:
    made = [step_fact(PushId("p"), TargetId("t"), s, at(f"{h:02}:00")) for s, h in facts]
    assert len({f.id for f in made}) == len(PushStep)
    first = at("08:00")
    assert progress_of(made) == {("p", "t"): Progress(first, first, first)}
    assert progress_of(made[:0]) == {}


def test_an_order_is_over_by_what_ends_it_first() -> None:
    assert replace(ORDER, expires_at=None).over_at is None
    assert ORDER.over_at == at("18:00")
    assert replace(ORDER, cancelled=GONE).over_at == NOW
    assert replace(ORDER, cancelled=replace(GONE, at=at("19:00"))).over_at == at("18:00")
    assert replace(ORDER, cancelled=GONE, expires_at=None).over_at == NOW


@pytest.mark.parametrize(
    ("order", "waiting", "code"),
    [
        (replace(ORDER, sent_at=NOW), 1, None),
        (replace(ORDER, sent_at=NOW), 0, "push_all_opened"),
        (ORDER, 1, "push_not_open"),
        (replace(ORDER, sent_at=NOW, expires_at=NOW), 1, "push_not_open"),
        (replace(ORDER, sent_at=NOW, cancelled=GONE), 1, "push_not_open"),
    ],
)
def test_only_who_has_not_opened_an_open_order_is_reminded(
    order: PushOrder, waiting: int, code: str | None
) -> None:
    if code is None:
        check_may_remind(order, waiting, NOW)
        return
    with pytest.raises(ProblemError) as refused:
        check_may_remind(order, waiting, NOW)
    assert refused.value.code == code


def test_what_was_withdrawn_is_over_for_its_target_alone() -> None:
    first, second = TargetId("t1"), TargetId("t2")
    taken = Withdrawal(first, at("13:00"), "make-up", "已开成")
    order = replace(ORDER, sent_at=NOW, withdrawn=(taken,))
    assert order.withdrawal_of(first) == taken
    assert order.withdrawal_of(second) is None
    assert (order.over_at_for(first), order.over_at_for(second)) == (at("13:00"), at("18:00"))
    assert replace(order, expires_at=None).over_at_for(first) == at("13:00")
    assert replace(order, cancelled=GONE).over_at_for(first) == NOW
    assert not order.is_open_for(first, at("14:00"))
    assert order.is_open_for(second, at("14:00"))
    assert not order.is_open_for(second, at("18:00"))
    assert not replace(order, sent_at=None).is_open_for(second, at("14:00"))
