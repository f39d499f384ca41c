"""The board of all classrooms: is the device there, is it well, and how to enrol or revoke it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from aiohttp import web

from ...coordinator.board import TerminalRow
from ...domain.ids import ClassroomId, TerminalId
from ...domain.messages import WAYS
from ...domain.problems import ProblemError
from ...domain.roster import Classroom, School
from ..i18n import mark
from ..problems import STATUS_OF
from .frame import Frame, posted, see_other
from .route import OFFICE, PageRoute
from .words import PATH_NAMES, Word

ONLINE: Final = Word("held", mark("在线"))
OFFLINE: Final = Word("missed", mark("离线"))
NOT_ENROLLED: Final = Word("waiting", mark("未注册"))

_CHECKS: Final = (
    ("camera", mark("摄像头")),
    ("microphone", mark("麦克风")),
    ("speaker", mark("扬声器")),
)
_CHECK_WORDS: Final = {
    "ok": Word("held", mark("正常")),
    "failed": Word("missed", mark("不正常")),
    "unknown": Word("unknown", mark("未确认")),
}
# More than this and a terminal's clock would date its messages wrongly for a person looking.
CLOCK_TOLERANCE_MS: Final = 2000


@dataclass(frozen=True, slots=True)
class Check:
    """One line of a self-check: shape and a short sentence."""

    shape: str
    text: str


@dataclass(frozen=True, slots=True)
class BoardRow:
    """One classroom of the board in words."""

    row: TerminalRow
    word: Word
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class BoardSchool:
    """The classrooms of one school."""

    school: School
    rows: tuple[BoardRow, ...]
    online: int
    enrolled: int


@dataclass(frozen=True, slots=True)
class FreshCode:
    """An enrolment code, shown once, big enough to be read out over the telephone."""

    code: str
    expires_at: datetime
    left_s: int
    classroom: Classroom
    school: School


async def board(request: web.Request) -> web.StreamResponse:
    """All classrooms by school; `?show=` all, offline, unwell or unenrolled."""
    return await _page(Frame.of(request))


async def make_code(request: web.Request) -> web.StreamResponse:
    """Make a code and show it at once: it exists nowhere else, so no redirect could show it."""
    frame = Frame.of(request)
    form = await posted(request)
    classroom = ClassroomId(form.text("classroom"))
    try:
        code, expires_at = await frame.services.enrolment.make_code(
            classroom, actor=frame.user.login
        )
    except ProblemError as problem:
        return await _page(frame, problem=problem)
    room = frame.roster.classrooms[classroom]
    left_s = max(0, int((expires_at - frame.now).total_seconds()))
    fresh = FreshCode(
        f"{code[:4]} {code[4:]}", expires_at, left_s, room, frame.roster.schools[room.school]
    )
    return await _page(frame, fresh=fresh)


async def revoke(request: web.Request) -> web.StreamResponse:
    """Withdraw a device's token."""
    frame = Frame.of(request)
    form = await posted(request)
    try:
        await frame.services.enrolment.revoke(TerminalId(form.text("terminal")))
    except ProblemError as problem:
        return await _page(frame, problem=problem)
    return see_other("/terminals", done="revoked")


async def _page(
    frame: Frame, *, fresh: FreshCode | None = None, problem: ProblemError | None = None
) -> web.Response:
    rows = [_words(frame, row) for row in await frame.services.board.rows()]
    show = frame.request.query.get("show", "all")
    if show not in _SHOWN:
        show = "all"
    shown = [r for r in rows if _SHOWN[show](r)]
    schools: dict[str, list[BoardRow]] = {}
    for row in shown:
        schools.setdefault(row.row.school.id, []).append(row)
    part = frame.request.query.get("part") == "live"
    return frame.render(
        "_terminals_live.html" if part else "terminals.html",
        status=STATUS_OF[problem.kind] if problem else 200,
        problem=frame.say(problem) if problem else None,
        schools=[_school(group) for group in schools.values()],
        filters=[
            (code, text, frame.link(show=code), code == show, sum(map(_SHOWN[code], rows)))
            for code, text in _FILTERS
        ],
        total=len(rows),
        online=sum(r.row.online for r in rows),
        enrolled=sum(r.row.terminal is not None for r in rows),
        fresh=fresh,
        may_manage=frame.may(*OFFICE),
        part="/terminals?part=live&show=" + show,
        newest=_newest(rows),
        calling=len(await frame.services.help_desk.waiting()),
    )


def _school(rows: Sequence[BoardRow]) -> BoardSchool:
    return BoardSchool(
        rows[0].row.school,
        tuple(rows),
        sum(r.row.online for r in rows),
        sum(r.row.terminal is not None for r in rows),
    )


def _newest(rows: Sequence[BoardRow]) -> str:
    """The page version most terminals run; the others are named on the board."""
    versions = [r.row.page_version for r in rows if r.row.page_version]
    return max(set(versions), key=lambda v: (versions.count(v), v)) if versions else ""


def _words(frame: Frame, row: TerminalRow) -> BoardRow:
    word = NOT_ENROLLED if row.terminal is None else ONLINE if row.online else OFFLINE
    return BoardRow(row, word, selfcheck_words(frame, row.selfcheck) if row.selfcheck else ())


def selfcheck_words(frame: Frame, found: Mapping[str, Any]) -> tuple[Check, ...]:
    """What works is said in one breath, what does not each for itself."""
    results = [
        (frame.t(text), _CHECK_WORDS.get(_status(found.get(name)), _CHECK_WORDS["unknown"]))
        for name, text in _CHECKS
    ]
    checks = [
        Check(word.shape, f"{text} {frame.t(word.text)}")
        for text, word in results
        if word is not _CHECK_WORDS["ok"]
    ]
    fine = [text for text, word in results if word is _CHECK_WORDS["ok"]]
    if fine:
        listed = frame.tongue.pick("、", ", ").join(fine)
        checks.append(Check("held", f"{listed} {frame.t(_CHECK_WORDS['ok'].text)}"))
    path = found.get("path")
    if isinstance(path, Mapping):
        checks.append(_path_check(frame, path))
    offset = found.get("clock_offset_ms")
    if isinstance(offset, (int, float)) and abs(offset) > CLOCK_TOLERANCE_MS:
        checks.append(Check("partial", frame.t("时钟差 %(ms)s 毫秒", ms=round(offset))))
    return tuple(checks)


def _status(value: object) -> str:
    """A device may be reported as a word or as `{"state": word, "detail": …}`."""
    if isinstance(value, Mapping):
        value = value.get("state", value.get("status"))
    return value if isinstance(value, str) else "unknown"


def _path_check(frame: Frame, path: Mapping[str, Any]) -> Check:
    kind = path.get("kind")
    if kind not in WAYS:
        return Check("missed", frame.t("线路不通"))
    words = [frame.t("线路"), PATH_NAMES[kind]]
    if isinstance(rtt := path.get("rtt_ms"), (int, float)):
        words.append(f"{rtt:.0f} ms")
    loss = path.get("loss")
    if isinstance(loss, (int, float)) and loss > 0:
        words.append(frame.t("丢包 %(share)s", share=f"{loss * 100:.1f} %"))
    ways = path.get("ways")
    if isinstance(ways, Mapping) and (shut := [w for w in WAYS if ways.get(w) == "failed"]):
        listed = frame.tongue.pick("、", ", ").join(PATH_NAMES[way] for way in shut)
        words.append(frame.t("（%(ways)s 不通）", ways=listed))
    weak = isinstance(loss, (int, float)) and loss > _WEAK_LOSS
    return Check("partial" if weak else "held", " ".join(words))


# Above this share of lost packets voice begins to break up.
_WEAK_LOSS: Final = 0.05


def unwell(row: BoardRow) -> bool:
    """Whether anything of the last self-check failed or is doubtful."""
    return any(c.shape in ("missed", "partial") for c in row.checks)


_SHOWN: Final[Mapping[str, Callable[[BoardRow], bool]]] = {
    "all": lambda _: True,
    "offline": lambda row: row.row.terminal is not None and not row.row.online,
    "unwell": unwell,
    "unenrolled": lambda row: row.row.terminal is None,
}
_FILTERS: Final = (
    ("all", mark("全部")),
    ("offline", mark("离线")),
    ("unwell", mark("自检有问题")),
    ("unenrolled", mark("未注册")),
)

ROUTES = (
    PageRoute("terminals", "GET", "/terminals", board, OFFICE),
    PageRoute("terminal-code", "POST", "/terminals", make_code, OFFICE),
    PageRoute("terminal-revoke", "POST", "/terminals/revoke", revoke, OFFICE),
)
