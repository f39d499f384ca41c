"""API: the terminals board, enrolment codes, and what a device asks for itself."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import Field

from ..coordinator.board import TerminalRow
from ..domain.ids import ClassroomId, TerminalId
from ..domain.problems import ProblemError, ProblemKind
from ..domain.roster import Classroom, School, SchoolRole
from .access import TERMINAL
from .fields import Id
from .origin import client_address
from .routes import ApiRoute, Call, In, Out


class Place(Out):
    """A thing of the roster and its name."""

    id: str
    name: str


class SchoolPlace(Place):
    """A school: `host` gives lessons, `remote` receives them."""

    role: SchoolRole


class DeviceOut(Out):
    """An enrolled device."""

    id: str
    label: str
    enrolled_at: datetime
    last_seen_at: datetime | None
    page_version: str
    selfcheck: dict[str, Any] | None
    selfcheck_at: datetime | None


class TerminalOut(Out):
    """A classroom of the board; `terminal` null: nothing is enrolled."""

    classroom: Place
    school: SchoolPlace
    online: bool
    terminal: DeviceOut | None


class BoardOut(Out):
    """Every classroom in use."""

    terminals: list[TerminalOut]


class NewCode(In):
    """For which classroom."""

    classroom: Id


class CodeOut(Out):
    """An enrolment code: one use, 15 minutes."""

    classroom: str
    code: str
    expires_at: datetime


class Enrol(In):
    """A code as it was read out (either case, spaces and hyphens allowed), and the device's own
    description of itself."""

    code: Annotated[str, Field(min_length=1, max_length=40)]
    label: Annotated[str, Field(max_length=300)] = ""


class EnrolledOut(Out):
    """The device's identity; the token is shown this once."""

    terminal: str
    token: str
    classroom: Place
    school: SchoolPlace


class SelfOut(Out):
    """Which classroom this device is."""

    terminal: str
    classroom: Place
    school: SchoolPlace


def _school(school: School) -> SchoolPlace:
    return SchoolPlace(id=school.id, name=school.name, role=school.role)


def _row(row: TerminalRow) -> TerminalOut:
    device = None
    if row.terminal is not None:
        device = DeviceOut(
            id=row.terminal.id,
            label=row.terminal.label,
            enrolled_at=row.terminal.enrolled_at,
            last_seen_at=row.last_seen_at,
            page_version=row.page_version,
            selfcheck=dict(row.selfcheck) if row.selfcheck else None,
            selfcheck_at=row.selfcheck_at,
        )
    return TerminalOut(
        classroom=Place(id=row.classroom.id, name=row.classroom.name),
        school=_school(row.school),
        online=row.online,
        terminal=device,
    )


async def board(call: Call[None, None]) -> BoardOut:
    """The board."""
    return BoardOut(terminals=[_row(row) for row in await call.services.board.rows()])


async def make_code(call: Call[NewCode, None]) -> CodeOut:
    """An enrolment code."""
    code, expires_at = await call.services.enrolment.make_code(
        ClassroomId(call.body.classroom), actor=call.user.login
    )
    return CodeOut(classroom=call.body.classroom, code=code, expires_at=expires_at)


async def revoke(call: Call[None, None]) -> None:
    """Withdraw a device; its connection is closed at once."""
    await call.services.enrolment.revoke(TerminalId(call.path("terminal")))


def _place_of(call: Call[Any, None], classroom: ClassroomId) -> tuple[Classroom, School]:
    roster = call.services.roster.current()
    room = roster.classrooms.get(classroom)
    if room is None:
        # Enrolled against a roster this process has not read yet.
        raise ProblemError(
            "roster_stale",
            "名册正在更新，请稍后再试。",
            "The roster is being read again; try in a moment.",
            kind=ProblemKind.UNAVAILABLE,
            retry_after_s=5,
        )
    return room, roster.schools[room.school]


async def enrol(call: Call[Enrol, None]) -> EnrolledOut:
    """Use a code once and become the classroom's terminal."""
    terminal, token = await call.services.enrolment.enrol(
        call.body.code, label=call.body.label, address=client_address(call.request)
    )
    room, school = _place_of(call, terminal.classroom)
    return EnrolledOut(
        terminal=terminal.id,
        token=token,
        classroom=Place(id=room.id, name=room.name),
        school=_school(school),
    )


async def whoami(call: Call[None, None]) -> SelfOut:
    """Whether the token is still good, and for which classroom (`Authorization: Bearer`)."""
    terminal = call.request[TERMINAL]
    room, school = _place_of(call, terminal.classroom)
    return SelfOut(
        terminal=terminal.id,
        classroom=Place(id=room.id, name=room.name),
        school=_school(school),
    )


ROUTES: Final = (
    ApiRoute(
        "api.terminals.list", "GET", "/api/terminals", board, "Classrooms and their devices",
        answer=BoardOut,
    ),
    ApiRoute(
        "api.terminals.code", "POST", "/api/terminals/codes", make_code, "Make an enrolment code",
        body=NewCode, answer=CodeOut, status=201, problems=(404, 409),
    ),
    ApiRoute(
        "api.terminals.revoke", "DELETE", "/api/terminals/{terminal}", revoke, "Revoke a device",
        status=204, problems=(404,),
    ),
    ApiRoute(
        "api.terminal.enrol", "POST", "/api/terminal/enrol", enrol, "Enrol a device by code",
        body=Enrol, answer=EnrolledOut, status=201, problems=(429, 503),
    ),
    ApiRoute(
        "api.terminal.self", "GET", "/api/terminal/self", whoami, "Which classroom this device is",
        answer=SelfOut, problems=(503,),
    ),
)  # fmt: skip
