"""State code → shape and word. A colour never stands alone, so both always travel together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ...coordinator.views import LessonView, SeatView
from ...domain.accounts import Role
from ...domain.lesson import EndReason, LessonState
from ...domain.second_opinion import Verdict
from ..i18n import mark


@dataclass(frozen=True, slots=True)
class Word:
    """A chip: which shape (and colour) and which word, in Chinese until it is shown."""

    shape: str
    text: str


ROLE_WORDS: Final = {
    Role.ADMIN: mark("管理员"),
    Role.TEACHER: mark("教师"),
    Role.REVIEWER: mark("督导"),
    Role.OPERATOR: mark("运维"),
    Role.DEVICE: mark("教室终端"),
}

LESSON_WORDS: Final = {
    LessonState.PLANNED: Word("waiting", mark("待上课")),
    LessonState.OPEN: Word("waiting", mark("候课")),
    LessonState.LIVE: Word("live", mark("上课中")),
    LessonState.ENDED: Word("ended", mark("已下课")),
    LessonState.MISSED: Word("missed", mark("未上")),
    LessonState.CANCELLED: Word("cancelled", mark("已取消")),
}

END_WORDS: Final = {
    EndReason.BUTTON: mark("教师下课"),
    EndReason.GRACE_OVER: mark("到时自动下课"),
    EndReason.HOST_GONE: mark("主讲画面中断后结束"),
    EndReason.NEXT_BOOKING: mark("教室下一节课开始"),
    EndReason.CANCELLED: mark("上课中被取消"),
}

# The room's recording host (录播主机), by the states of `ports.IngestStatus`.
INGEST_WORDS: Final = {
    "connecting": Word("waiting", mark("录播连接中")),
    "live": Word("live", mark("录播有画面")),
    "failed": Word("partial", mark("录播无画面")),
}

# Evidence: what a seat counts as, by the code names of `domain.coverage`.
SEAT_WORDS: Final = {
    "held": Word("held", mark("已开")),
    "partial": Word("partial", mark("部分")),
    "missed": Word("missed", mark("未开")),
    "unknown": Word("unknown", mark("待定")),
    "cancelled_excused": Word("cancelled", mark("取消（有因）")),
    "cancelled_unexcused": Word("cancelled", mark("取消（无因）")),
    "moved": Word("cancelled", mark("已调课")),
}

# What a seat's own terminal says beside the relay; no figure counts by it.
SECOND_WORDS: Final = {
    Verdict.AGREES: Word("held", mark("终端一致")),
    Verdict.LESS: Word("partial", mark("终端收到较少")),
    Verdict.MORE: Word("unknown", mark("终端收到较多")),
}

CAUSE_WORDS: Final = {
    "host_absent": mark("主讲缺席"),
    "terminal_offline": mark("终端离线"),
    "network": mark("网络（已发送，未确认）"),
    "cancelled": mark("取消（无因）"),
    "unexplained": mark("原因不明"),
}

# How media travel, as terminals say it; protocols have no translation.
PATH_NAMES: Final = {
    "udp": "UDP",
    "tcp": "TCP",
    "turn-udp": "TURN/UDP",
    "turn-tcp": "TURN/TCP",
    "turn-tls": "TURN/TLS",
}

# Now: what a seat is doing at this moment.
SEAT_NOW: Final = {
    "receiving": Word("held", mark("收看中")),
    "called_on": Word("live", mark("正在发言")),
    "weak": Word("partial", mark("线路差")),
    "reconnecting": Word("partial", mark("正在重连")),
    "silent": Word("partial", mark("在线，未收到画面")),
    "ready": Word("held", mark("已就绪")),
    "offline": Word("missed", mark("离线")),
    "absent": Word("waiting", mark("未上线")),
    "withdrawn": Word("cancelled", mark("已取消")),
    "over": Word("ended", mark("已下课")),
    "left": Word("ended", mark("已离开")),
}


def lesson_code(view: LessonView) -> LessonState:
    """The state to show: a withdrawn lesson is cancelled, whatever its run had reached."""
    return LessonState.CANCELLED if view.occurrence.withdrawn else view.run.state


def seat_now(view: LessonView, seat: SeatView, now: datetime) -> str:
    """The code in `SEAT_NOW` of what one seat of a lesson is doing at this moment.

    After the planned end a room that no longer receives has left, perhaps for its next lesson.
    """
    state = lesson_code(view)
    if seat.withdrawn:
        return "withdrawn"
    if state in (LessonState.ENDED, LessonState.MISSED):
        return "over"
    if state is not LessonState.LIVE:
        return "ready" if seat.online else "absent"
    if not seat.receiving and now >= view.occurrence.ends_at:
        return "left"
    if not seat.online and not seat.receiving:
        return "offline"
    if seat.called_on:
        return "called_on"
    if seat.line == "reconnecting":
        return "reconnecting"
    if not seat.receiving:
        return "silent"
    return "weak" if seat.line == "weak" else "receiving"
