"""The stage of an online meeting: who may send, whose screen is shared, who speaks.

A meeting has `PLACES` places for those who send sound and picture; everybody else listens. Every
function returns the stage as it should be, the same object when nothing changes; `version` is left
to whoever stores it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from .ids import OccurrenceId, TeacherId
from .problems import ProblemError, ProblemKind

PLACES: Final = 12
LISTENERS: Final = 60
#: Characters of a guest's name.
MAX_NAME: Final = 40
#: Whoever was not heard of for so long has left: a closed lid, a cut line.
GONE: Final = timedelta(seconds=30)
#: A voice at least this loud (-dBov) speaks: a quiet room's noise is about 60, speech 15 to 40.
SPEAKING: Final = 50
#: Somebody else must be so much louder than the speaker, in two looks one after the other.
MARGIN: Final = 6

_TEACHER: Final = "t:"
_GUEST: Final = "guest:"


@dataclass(frozen=True, slots=True)
class Place:
    """One who may send, by their name at the relay, since `at`."""

    peer: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Stage:
    """`places` by number; `screen` is the peer who shares one, `speaker` the one who speaks or
    spoke last."""

    occurrence: OccurrenceId
    places: tuple[Place | None, ...] = (None,) * PLACES
    screen: str | None = None
    speaker: str | None = None
    version: int = 0

    def number(self, peer: str) -> int | None:
        """The place of a peer, from 0."""
        for number, place in enumerate(self.places):
            if place is not None and place.peer == peer:
                return number
        return None

    @property
    def senders(self) -> tuple[str, ...]:
        """Everybody who has a place, in order of places."""
        return tuple(place.peer for place in self.places if place is not None)


@dataclass(frozen=True, slots=True)
class Presence:
    """One person in one meeting: `client` is the page they are in it with."""

    peer: str
    occurrence: OccurrenceId
    client: str
    joined_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Guest:
    """A link and, once it was used, the guest. `label` is for whom it was made; `session` is the
    first plan's id."""

    id: str
    session: OccurrenceId
    label: str
    made_by: str
    made_at: datetime
    used_at: datetime | None = None
    name: str | None = None


def peer_of(teacher: TeacherId) -> str:
    """What a teacher is called at the relay."""
    return f"{_TEACHER}{teacher}"


def teacher_of(peer: str) -> TeacherId | None:
    """The teacher a peer is, None for a guest or anybody else."""
    return TeacherId(peer.removeprefix(_TEACHER)) if peer.startswith(_TEACHER) else None


def guest_peer(guest: str) -> str:
    """What a guest is called at the relay."""
    return f"{_GUEST}{guest}"


def guest_of(peer: str) -> str | None:
    """The guest a peer is, None for a teacher."""
    return peer.removeprefix(_GUEST) if peer.startswith(_GUEST) else None


def take_place(stage: Stage, peer: str, at: datetime) -> Stage:
    """Give a peer the first free place; ProblemError `stage_full` if there is none."""
    if stage.number(peer) is not None:
        return stage
    if None not in stage.places:
        raise ProblemError(
            "stage_full",
            f"发言席已满（{PLACES} 位）。请等一位老师离开发言席后再试；现在可以继续旁听。",
            f"All {PLACES} speaking places are taken. Wait until somebody leaves one; you can go"
            " on listening.",
            kind=ProblemKind.CONFLICT,
            field="place",
            value=PLACES,
        )
    free = stage.places.index(None)
    places = (*stage.places[:free], Place(peer, at), *stage.places[free + 1 :])
    return replace(stage, places=places)


def leave_place(stage: Stage, peer: str) -> Stage:
    """Take a peer's place, and the screen and the word with it; the others keep theirs."""
    number = stage.number(peer)
    if number is None:
        return stage
    return replace(
        stage,
        places=(*stage.places[:number], None, *stage.places[number + 1 :]),
        screen=None if stage.screen == peer else stage.screen,
        speaker=None if stage.speaker == peer else stage.speaker,
    )


def share_screen(stage: Stage, peer: str, *, leads: bool) -> Stage:
    """Let a sender share a screen; only the leader takes it from somebody else.

    ProblemError `no_place` or `screen_taken`.
    """
    if stage.screen == peer:
        return stage
    if stage.number(peer) is None:
        raise ProblemError(
            "no_place",
            "请先上发言席，再共享屏幕。",
            "Take a speaking place before sharing a screen.",
            kind=ProblemKind.CONFLICT,
            field="screen",
            value=peer,
        )
    if stage.screen is not None and not leads:
        raise ProblemError(
            "screen_taken",
            "另一位老师正在共享屏幕。请等他停止共享，或请主持人切换。",
            "Somebody else shares a screen. Wait until that ends, or ask the leader.",
            kind=ProblemKind.CONFLICT,
            field="screen",
            value=stage.screen,
        )
    return replace(stage, screen=peer)


def unshare_screen(stage: Stage, peer: str) -> Stage:
    """A peer's screen is no longer shared."""
    return replace(stage, screen=None) if stage.screen == peer else stage


def without(stage: Stage, gone: Collection[str]) -> Stage:
    """The stage without these peers."""
    for peer in gone:
        stage = leave_place(stage, peer)
    return stage


def heard(
    stage: Stage, levels: Mapping[str, int | None], ahead: str | None
) -> tuple[Stage, str | None]:
    """Who speaks, by how loud each sender is now (-dBov, None: off), and who is about to.

    Hand the second answer in again as `ahead` at the next look. A pause changes nothing; a new
    voice after silence is the speaker at once, over another voice only in two looks.
    """
    audible = {
        peer: level
        for peer in stage.senders
        if (level := levels.get(peer)) is not None and level <= SPEAKING
    }
    if not audible:
        return stage, None
    loudest = min(audible, key=lambda peer: (audible[peer], peer))
    if loudest == stage.speaker:
        return stage, None
    now = audible.get(stage.speaker or "")
    if now is None or (loudest == ahead and audible[loudest] <= now - MARGIN):
        return replace(stage, speaker=loudest), None
    return stage, loudest if audible[loudest] <= now - MARGIN else None


def guest_name(text: str, field: str) -> str:
    """A name without blanks around it; ProblemError unless it is 1 to `MAX_NAME` characters."""
    name = " ".join(text.split())
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise ProblemError(
            "guest_name_invalid",
            f"请填写姓名，1 到 {MAX_NAME} 个字。",
            f"Give a name of 1 to {MAX_NAME} characters.",
            field=field,
            value=text[: MAX_NAME + 1],
        )
    return name
