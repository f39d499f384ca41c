"""Online meetings: who comes in, who sends, whose screen is shared, and who is there.

Each person is in one meeting with one page; the store holds to that, whichever coordinators they
ask. What counts as attendance is not this but the media the relay writes down (`journal`).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final, Protocol

import structlog

from ..domain import lesson
from ..domain.accounts import Role, User
from ..domain.floor import Floor
from ..domain.ids import ActId, OccurrenceId, TeacherId
from ..domain.lesson import LessonRun, LessonState
from ..domain.meeting import (
    GONE,
    LISTENERS,
    PLACES,
    Guest,
    Presence,
    Stage,
    guest_name,
    guest_of,
    guest_peer,
    leave_place,
    peer_of,
    share_screen,
    take_place,
    teacher_of,
    unshare_screen,
)
from ..domain.problems import ProblemError, ProblemKind
from ..domain.timetable import Occurrence
from .grants import Grants
from .life import LessonLife
from .plan_ports import TimetableStore
from .ports import Bus, LessonStore
from .research import ResearchService, Session
from .research_ports import MeetingStore
from .rooms import Rooms
from .services import Clock

log = structlog.get_logger(__name__)

#: Everybody who may send might want to in the same second; each race lost is one more read.
SAVE_TRIES: Final = 32
#: Links of one session; a session has a handful of guests.
MAX_GUESTS: Final = 20
#: A page's name for itself; ours is 32 hexadecimal digits.
MAX_CLIENT: Final = 64


class MeetingsStore(TimetableStore, LessonStore, MeetingStore, Protocol):
    """Plan, runs and meetings."""


@dataclass(frozen=True, slots=True)
class Attendee:
    """Somebody who may come into a meeting. `peer` is their name at the relay; `school` is empty
    for a guest. `account` is what the access log calls them."""

    peer: str
    name: str
    school: str
    leads: bool
    account: str = ""


class MeetingService:
    """Meetings of research sessions. Callers have found out who somebody is with `as_user` or
    `as_guest`."""

    def __init__(
        self,
        store: MeetingsStore,
        bus: Bus,
        research: ResearchService,
        life: LessonLife,
        grants: Grants,
        *,
        rooms: Rooms,
        clock: Clock,
    ) -> None:
        self._store = store
        self._bus = bus
        self._life = life
        self._grants = grants
        self._rooms = rooms
        self._roster = research.roster
        self._clock = clock
        self._zone = research.zone

    # ------------------------------------------------------------------ who

    def as_user(self, session: Session, user: User) -> Attendee:
        """The signed-in person as one who meets; ProblemError `not_invited`."""
        teacher = user.teacher if user.role in (Role.TEACHER, Role.ADMIN) else None
        if teacher is None or teacher not in session.people:
            raise ProblemError(
                "not_invited",
                "您不在这场教研的受邀名单中。请主持人把您加入名单，或发给您一个来宾链接。",
                "You are not invited to this session. Ask its leader to invite you, or for a"
                " guest's link.",
                kind=ProblemKind.FORBIDDEN,
                field="session",
                value=user.login,
            )
        return replace(self._teacher(session, teacher), account=user.login)

    async def as_guest(self, session: Session, token: str) -> Attendee | None:
        """The guest who holds this pass, None if nobody or of another session."""
        guest = await self._store.guest_by_pass(_hashed(token))
        if guest is None or guest.session != session.id:
            return None
        return Attendee(
            guest_peer(guest.id), guest.name or "", "", leads=False, account=guest_peer(guest.id)
        )

    def _teacher(self, session: Session, teacher: TeacherId) -> Attendee:
        roster = self._roster.current()
        found = roster.teachers.get(teacher)
        return Attendee(
            peer_of(teacher),
            found.name if found else str(teacher),
            roster.schools[found.school].name if found else "",
            leads=teacher == session.occurrence.host.teacher,
        )

    # ------------------------------------------------------------------ guests

    async def invite_guest(self, session: Session, label: str, *, actor: str) -> str:
        """A fresh link's token, to be shown once. ProblemError if there are too many."""
        token = secrets.token_urlsafe(24)
        guest = Guest(
            secrets.token_hex(6), session.id, guest_name(label, "guest"), actor, self._clock()
        )
        if not await self._store.add_guest(guest, _hashed(token), most=MAX_GUESTS):
            raise ProblemError(
                "too_many_guests",
                f"一场教研最多 {MAX_GUESTS} 个来宾链接。校内教师请直接加入受邀名单。",
                f"A session has {MAX_GUESTS} guests' links at most. Invite teachers of the schools"
                " themselves.",
                kind=ProblemKind.CONFLICT,
                field="guest",
                value=MAX_GUESTS,
            )
        log.info("research.guest_invited", session=session.id, guest=guest.id, by=actor)
        return token

    async def guest_link(self, token: str) -> Guest:
        """Whose link this is. ProblemError `link_used` or `link_unknown`."""
        found = await self._store.guest_by_link(_hashed(token))
        if found is None:
            raise _bad_link()
        if found.used_at is not None:
            raise _used_link()
        return found

    async def redeem(self, token: str, name: str) -> tuple[Guest, str]:
        """Let a guest in by a link, once; the guest and the pass their browser keeps."""
        await self.guest_link(token)
        name, own = guest_name(name, "name"), secrets.token_urlsafe(24)
        found = await self._store.redeem_guest(
            _hashed(token), name=name, pass_hash=_hashed(own), at=self._clock()
        )
        if found is None:  # of two at once the other was first
            raise _used_link()
        log.info("research.guest_came", session=found.session, guest=found.id)
        return found, own

    # ------------------------------------------------------------------ coming and going

    async def join(
        self, session: Session, who: Attendee, client: str, *, anyway: bool
    ) -> dict[str, Any]:
        """Come into the meeting with a page; `grants` to listen, and the state.

        Raises ProblemError `meeting_closed`, `meeting_elsewhere` (in another meeting, which is
        named), `meeting_other_page` (`anyway` takes it over) or `meeting_full`.
        """
        await self._require_open(session)
        now = self._clock()
        wanted = Presence(who.peer, session.occurrence.id, client[:MAX_CLIENT], now, now)
        taken = await self._store.claim_presence(
            wanted, gone_before=now - GONE, anyway=anyway, most=PLACES + LISTENERS - 1
        )
        if taken is not None:
            raise await self._taken(taken, wanted)
        stage = await self._change(session.occurrence, lambda stage: stage, make=True)
        await self._rooms.place(session.occurrence, Floor(session.occurrence.id))
        await self._tell(session.occurrence.id)
        log.info("meeting.joined", session=session.id, peer=who.peer)
        return {
            "grants": self._grant(session, who, stage),
            **await self.state(session, who),
        }

    async def here(self, session: Session, who: Attendee, client: str) -> dict[str, Any]:
        """A page is still in the meeting; the state. ProblemError `meeting_left` if it is not."""
        now = self._clock()
        wanted = Presence(who.peer, session.occurrence.id, client[:MAX_CLIENT], now, now)
        if not await self._store.see_presence(wanted):
            raise left(client)
        return await self.state(session, who)

    async def leave(self, session: Session, who: Attendee, client: str) -> None:
        """Leave the meeting, and a place with it."""
        presence = await self._store.presence_of(who.peer)
        await self._store.end_presence(who.peer, client[:MAX_CLIENT])
        if presence is not None and presence.client == client[:MAX_CLIENT]:
            await self._change(session.occurrence, lambda stage: leave_place(stage, who.peer))
        await self._tell(session.occurrence.id)

    # ------------------------------------------------------------------ the stage

    async def send(self, session: Session, who: Attendee, client: str) -> dict[str, Any]:
        """Take a place; `grants` to send, and the state. ProblemError `stage_full`."""
        await self.here(session, who, client)
        now = self._clock()
        stage = await self._change(session.occurrence, lambda s: take_place(s, who.peer, now))
        return {
            "grants": self._grant(session, who, stage),
            **await self.state(session, who),
        }

    async def listen(self, session: Session, who: Attendee, client: str) -> dict[str, Any]:
        """Give a place up and go on listening; the state."""
        await self.here(session, who, client)
        await self._change(session.occurrence, lambda stage: leave_place(stage, who.peer))
        return await self.state(session, who)

    async def share(
        self, session: Session, who: Attendee, client: str, *, on: bool
    ) -> dict[str, Any]:
        """Share a screen or stop it; the state. ProblemError `no_place` or `screen_taken`."""
        await self.here(session, who, client)

        def change(stage: Stage) -> Stage:
            if on:
                return share_screen(stage, who.peer, leads=who.leads)
            return unshare_screen(stage, who.peer)

        await self._change(session.occurrence, change)
        return await self.state(session, who)

    async def finish(self, session: Session, who: Attendee, act: ActId) -> None:
        """The leader ends the meeting for all."""
        if not who.leads:
            raise ProblemError(
                "leader_only",
                "只有主持人可以结束会议。您可以自己离开。",
                "Only the leader ends the meeting. You can leave it.",
                kind=ProblemKind.FORBIDDEN,
                value=who.peer,
            )
        await self._life.advance(session.occurrence.id, lesson.EndPressed(), act=act)

    async def state(self, session: Session, who: Attendee) -> dict[str, Any]:
        """What a page shows: places, screen, speaker, everybody there, and the meeting's life."""
        occurrence = session.occurrence
        run = await self._store.get_run(occurrence.id) or LessonRun(occurrence.id)
        stage = await self._store.stage_of(occurrence.id) or Stage(occurrence.id)
        present = await self._store.present_in(occurrence.id, self._clock() - GONE)
        names = await self._names(session, {p.peer for p in present} | set(stage.senders))
        return {
            "me": who.peer,
            "room": occurrence.id,
            "leads": who.leads,
            "state": run.state.value,
            "over": run.state in lesson.OVER,
            "starts_at": occurrence.starts_at.astimezone(self._zone).isoformat(),
            "ends_at": occurrence.ends_at.astimezone(self._zone).isoformat(),
            "now": self._clock().astimezone(self._zone).isoformat(),
            "version": stage.version,
            "places": [p and p.peer for p in stage.places],
            "screen": stage.screen,
            "speaker": stage.speaker,
            "people": [names[p.peer] for p in present],
            "names": {peer: names[peer] for peer in stage.senders},
        }

    # ------------------------------------------------------------------ how

    async def _change(
        self, occurrence: Occurrence, change: Callable[[Stage], Stage], *, make: bool = False
    ) -> Stage:
        for _ in range(SAVE_TRIES):
            before = await self._store.stage_of(occurrence.id) or Stage(occurrence.id)
            after = change(before)
            if after == before and not (make and before.version == 0):
                self._rooms.stage(before)
                return before
            saved = await self._store.save_stage(after)
            if saved is not None:
                self._rooms.stage(saved)
                await self._rooms.place(occurrence, Floor(occurrence.id))
                await self._tell(occurrence.id)
                return saved
        raise RuntimeError(f"stage of {occurrence.id} lost {SAVE_TRIES} races in a row")

    async def _names(self, session: Session, peers: set[str]) -> dict[str, dict[str, Any]]:
        guests = {}
        if any(guest_of(peer) for peer in peers):
            guests = {g.id: g for g in await self._store.guests_of(session.id)}
        return {peer: self._named(session, guests, peer) for peer in peers}

    def _named(self, session: Session, guests: Mapping[str, Guest], peer: str) -> dict[str, Any]:
        teacher = teacher_of(peer)
        if teacher is not None:
            who = self._teacher(session, teacher)
            return {"peer": peer, "name": who.name, "school": who.school, "leads": who.leads}
        guest = guests.get(guest_of(peer) or "")
        name = guest.name if guest is not None else None
        return {"peer": peer, "name": name or peer, "school": "", "leads": False}

    def _grant(self, session: Session, who: Attendee, stage: Stage) -> dict[str, Any]:
        sends = stage.number(who.peer) is not None
        return self._grants.of_meeting(session.occurrence, who.peer, sends=sends)

    async def _require_open(self, session: Session) -> None:
        step = await self._life.advance(session.occurrence.id)
        run = step.run if step is not None else LessonRun(session.occurrence.id)
        if run.state in (LessonState.OPEN, LessonState.LIVE):
            return
        opens = session.occurrence.starts_at - timedelta(seconds=self._life.rules.lead_s)
        at = opens.astimezone(self._zone)
        if run.state is LessonState.PLANNED:
            zh, en = f"会议 {at:%m月%d日 %H:%M} 起可以进入。", f"The meeting opens at {at:%H:%M}."
        else:
            zh, en = "会议已经结束或取消，不能再进入。", "The meeting is over or was cancelled."
        raise ProblemError(
            "meeting_closed", zh, en, kind=ProblemKind.CONFLICT, field="session",
            value=run.state.value,
        )  # fmt: skip

    async def _taken(self, taken: Presence, wanted: Presence) -> ProblemError:
        if not taken.peer:
            return ProblemError(
                "meeting_full",
                f"会议已满（{PLACES + LISTENERS} 人）。请稍后再试。",
                f"The meeting is full ({PLACES + LISTENERS} people). Try again later.",
                kind=ProblemKind.CONFLICT,
                field="session",
                value=PLACES + LISTENERS,
                retry_after_s=30,
            )
        if taken.occurrence == wanted.occurrence:
            return ProblemError(
                "meeting_other_page",
                "您已在另一个窗口或另一台电脑进入这场会议。要改在这里参加，请按「在这里参加」。",
                "You are in this meeting already, in another window or on another computer. To take"
                " part here instead, say so.",
                kind=ProblemKind.CONFLICT,
                field="client",
                value=taken.client,
            )
        other = await self._store.get_occurrence(taken.occurrence)
        title = other.title if other is not None else taken.occurrence
        return ProblemError(
            "meeting_elsewhere",
            f"您正在参加另一场教研「{title}」，同一时间只能参加一场。请先离开那一场，再进入这里。",
            f"You are in another research session, {title!r}; one can be in one at a time. Leave"
            " that one first.",
            kind=ProblemKind.CONFLICT,
            field="session",
            value=taken.occurrence,
        )

    async def _tell(self, occurrence: OccurrenceId) -> None:
        await self._bus.publish(
            "lesson", {"type": "changed", "occurrence": occurrence, "what": "meeting"}
        )


def left(client: str) -> ProblemError:
    """This page is not (any more) the one that somebody is in the meeting with."""
    return ProblemError(
        "meeting_left",
        "您已在另一个窗口进入会议，或已离开。要在这里继续，请重新进入。",
        "You came in with another window, or have left. Come in again to go on here.",
        kind=ProblemKind.CONFLICT,
        field="client",
        value=client[:MAX_CLIENT],
    )


def _hashed(token: str) -> bytes:
    return hashlib.sha256(token[:128].encode()).digest()


def _used_link() -> ProblemError:
    return ProblemError(
        "link_used",
        "这个来宾链接已经用过。一个链接只能用一次；请向主持人要一个新的。",
        "This guest's link was used already. A link works once; ask the leader for a new one.",
        kind=ProblemKind.CONFLICT,
        field="link",
    )


def _bad_link() -> ProblemError:
    return ProblemError(
        "link_unknown",
        "没有这个来宾链接。请核对网址，或向主持人要一个新的。",
        "There is no such guest's link. Check the address, or ask the leader for a new one.",
        kind=ProblemKind.NOT_FOUND,
        field="link",
    )
