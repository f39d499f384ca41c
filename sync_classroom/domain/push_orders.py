"""Push orders (推送单): what is asked for, what became of it, and how far each target got."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from .facts import Fact, PushProgress, PushStep
from .ids import FactId, PushId, ResourceId, TargetId
from .problems import ProblemError, ProblemKind
from .targeting import Rule
from .timetable import PushTarget

MAX_REASON: Final = 200
#: An order is for this term; one that waits longer is a typing error.
LONGEST_WAIT: Final = timedelta(days=180)
LONGEST_LIFE: Final = timedelta(days=400)
#: Who was reminded is left in peace for so long.
REMIND_AGAIN: Final = timedelta(hours=1)


class OrderState(StrEnum):
    """Where an order is."""

    SCHEDULED = "scheduled"
    SENT = "sent"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Cancellation:
    """Who took an order back, when and why."""

    at: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """One target of a sent order need not have it any more: who found so, when and why."""

    target: TargetId
    at: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reminder:
    """Somebody reminded the targets that had not opened an order."""

    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class PushOrder:
    """One order. Its targets are those its giver saw; `sent_at` None: not sent (yet).

    `version` is the resource's at the time of ordering. `expires_at` None: never.
    """

    id: PushId
    resource: ResourceId
    version: int
    rule: Rule
    targets: tuple[PushTarget, ...]
    reason: str
    by: str
    at: datetime
    send_at: datetime
    expires_at: datetime | None = None
    sent_at: datetime | None = None
    cancelled: Cancellation | None = None
    automatic: bool = False
    withdrawn: tuple[Withdrawal, ...] = ()

    @property
    def over_at(self) -> datetime | None:
        """When it was or will be over; None: it will not by itself."""
        if self.cancelled is None:
            return self.expires_at
        return min(self.cancelled.at, self.expires_at or self.cancelled.at)

    def withdrawal_of(self, target: TargetId) -> Withdrawal | None:
        """Why a target need not have it any more; None if it is as sent."""
        return next((w for w in self.withdrawn if w.target == target), None)

    def over_at_for(self, target: TargetId) -> datetime | None:
        """When it was or will be over for one target."""
        found = self.withdrawal_of(target)
        if found is None:
            return self.over_at
        return min(found.at, self.over_at or found.at)

    def is_open_for(self, target: TargetId, now: datetime) -> bool:
        """Whether a target may have it: sent, not over, not withdrawn."""
        return self.state(now) is OrderState.SENT and self.withdrawal_of(target) is None

    def is_owed(self, target: PushTarget, progress: Progress) -> bool:
        """Whether a target counts as addressed, as `domain.modes.is_owed` says."""
        return self.withdrawal_of(target.id) is None or progress != Progress()

    def state(self, now: datetime) -> OrderState:
        """Where it is at `now`. A cancelled order stays cancelled, whenever it would expire."""
        if self.cancelled is not None:
            return OrderState.CANCELLED
        if self.expires_at is not None and now >= self.expires_at:
            return OrderState.EXPIRED
        return OrderState.SCHEDULED if self.sent_at is None else OrderState.SENT

    def is_due(self, now: datetime) -> bool:
        """Whether it is to be sent now: not sent, not over, and its time has come."""
        return self.state(now) is OrderState.SCHEDULED and self.send_at <= now


@dataclass(frozen=True, slots=True)
class Progress:
    """When a target first received, opened and completed it; None where it has not."""

    delivered_at: datetime | None = None
    opened_at: datetime | None = None
    completed_at: datetime | None = None


def check_reason(reason: str) -> str:
    """The reason without spaces around it; ProblemError without one or for a very long one."""
    reason = reason.strip()
    if not 0 < len(reason) <= MAX_REASON:
        raise ProblemError(
            "reason_missing" if not reason else "too_long",
            "请写明原因，它会出现在记录和报告里。" if not reason
            else f"原因最多 {MAX_REASON} 个字，请缩短。",
            "Say why; it appears in records and reports." if not reason
            else f"A reason has at most {MAX_REASON} characters; shorten it.",
            field="reason",
            value=reason[:40],
        )  # fmt: skip
    return reason


def check_times(send_at: datetime, expires_at: datetime | None, now: datetime) -> None:
    """ProblemError unless it is sent within LONGEST_WAIT and expires after that."""
    if send_at > now + LONGEST_WAIT:
        raise ProblemError(
            "push_too_late",
            f"发送时间最多在 {LONGEST_WAIT.days} 天之后，请改早一些。",
            f"An order is sent within {LONGEST_WAIT.days} days; choose an earlier time.",
            field="send_at",
            value=send_at.isoformat(),
        )
    if expires_at is not None and not send_at < expires_at <= send_at + LONGEST_LIFE:
        raise ProblemError(
            "push_expiry",
            f"到期时间须在发送之后，最多 {LONGEST_LIFE.days} 天。请改一个时间，或留空表示不到期。",
            f"An order expires after it is sent, within {LONGEST_LIFE.days} days. Choose another"
            " time, or none.",
            field="expires_at",
            value=expires_at.isoformat(),
        )


def in_use(orders: Sequence[str]) -> ProblemError:
    """A resource shall be deleted that orders rest on."""
    return ProblemError(
        "resource_in_use",
        f"有 {len(orders)} 个推送单还在用这个资源（{'、'.join(orders[:3])}）。"
        "请先取消它们，或等到期。",
        f"{len(orders)} push orders rest on this resource ({', '.join(orders[:3])}). Cancel them"
        " first, or wait until they expire.",
        kind=ProblemKind.CONFLICT,
        value=", ".join(orders[:3]),
    )


def check_may_cancel(order: PushOrder, now: datetime) -> None:
    """ProblemError `push_over` for an order that is over already."""
    state = order.state(now)
    if state in (OrderState.EXPIRED, OrderState.CANCELLED):
        raise ProblemError(
            "push_over",
            "这个推送已经取消或到期，不用再取消。",
            "This order was cancelled or has expired already.",
            kind=ProblemKind.CONFLICT,
            value=state.value,
        )


def check_may_remind(order: PushOrder, waiting: int, now: datetime) -> None:
    """ProblemError for an order that is not open, or that everybody (`waiting` 0) has opened."""
    state = order.state(now)
    if state is not OrderState.SENT:
        raise ProblemError(
            "push_not_open",
            "这个推送还没有发出，或已取消、到期，不用提醒。",
            "This push was not sent yet, was cancelled, or has expired; nobody is to be reminded.",
            kind=ProblemKind.CONFLICT,
            value=state.value,
        )
    if not waiting:
        raise ProblemError(
            "push_all_opened",
            "所有对象都已打开，不用提醒。",
            "Everybody has opened it; nobody is to be reminded.",
            kind=ProblemKind.CONFLICT,
            value=order.id,
        )


def reminded_lately(last: Reminder) -> ProblemError:
    """The targets were reminded less than REMIND_AGAIN ago."""
    minutes = int(REMIND_AGAIN.total_seconds() // 60)
    return ProblemError(
        "push_reminded",
        f"{minutes} 分钟内已经提醒过，请晚些再提醒。",
        f"They were reminded within the last {minutes} minutes; wait before the next time.",
        kind=ProblemKind.CONFLICT,
        value=last.at.isoformat(),
    )


def step_fact(order: PushId, target: TargetId, step: PushStep, at: datetime) -> PushProgress:
    """The fact of a step. Its id is the step's own, so that it is written once."""
    ident = FactId(f"{order}.{target}.{step.value}")
    return PushProgress(ident, step, order, target, at)


def progress_of(facts: Iterable[Fact]) -> Mapping[tuple[PushId, TargetId], Progress]:
    """How far each target got, by the earliest fact of each step."""
    first: dict[tuple[PushId, TargetId], dict[PushStep, datetime]] = {}
    for fact in facts:
        if isinstance(fact, PushProgress):
            steps = first.setdefault((fact.push, fact.target), {})
            steps[fact.step] = min(fact.at, steps.get(fact.step, fact.at))
    return {key: Progress(*(steps.get(step) for step in PushStep)) for key, steps in first.items()}
