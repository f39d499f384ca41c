"""What the coordinator needs from outside: a store, a bus, a relay. `app.py` hands them over.

Each Protocol has at least two implementations (SQLite and PostgreSQL, in process and Redis, a real
relay and a recorded one in tests); nothing else is abstracted.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol

from ..domain.accounts import Lease, RosterChange, Session, User
from ..domain.calendar_edits import CalendarEdit, Edited, Subject
from ..domain.floor import Floor
from ..domain.ids import (
    ActId,
    OccurrenceId,
    SchoolId,
    UserId,
)
from ..domain.lesson import LessonRun
from ..domain.recordings import Recording, RecordingAct
from ..domain.room_messages import RoomMessage
from ..domain.roster import Roster
from .document_ports import DocumentStore
from .evidence_ports import (
    AccessLogStore,
    ChainStore,
    FactStore,
    OpinionStore,
    PushStore,
    RollupStore,
    RulesStore,
    TerminalJournalStore,
)
from .library_ports import LibraryStore
from .plan_ports import DraftStore, FeedStore, NoticeStore, TimetableStore
from .push_ports import PushLineStore, PushOrderStore
from .report_ports import ReportStore, RetentionStore
from .research_ports import (
    MaterialStore,
    MeetingStore,
    MinutesStore,
    ResearchStore,
    RubricStore,
    ScoreStore,
    StudyStore,
)
from .terminal_ports import HelpStore, TerminalStore

# ---------------------------------------------------------------------------- store


class RosterStore(Protocol):
    """Schools, classrooms, classes, teachers, terms, bell sets and day exceptions."""

    async def load_roster(self) -> Roster:
        """Read the whole roster."""
        ...

    async def apply_roster(self, roster: Roster) -> RosterChange:
        """Insert what is new and update what differs, in one transaction; delete nothing."""
        ...


class CalendarStore(Protocol):
    """What people changed of terms, bell sets and days, for ever."""

    async def edit_calendar(
        self,
        subjects: Sequence[Subject],
        *,
        at: datetime,
        by: str,
        reason: str,
        seen: int,
        key: str,
    ) -> Sequence[CalendarEdit]:
        """Make edits, all or none, once for a key.

        ProblemError `calendar_changed` if a subject was edited after number `seen`, `terms_overlap`
        against what is stored in that moment.
        """
        ...

    async def calendar_edits(
        self,
        *,
        kind: Edited | None = None,
        subject: str | None = None,
        school: SchoolId | None = None,
        before: int | None = None,
        limit: int,
    ) -> Sequence[CalendarEdit]:
        """The latest edits, newest first; those of a school with those of all schools."""
        ...


class LessonStore(Protocol):
    """The life of occurrences, optimistic by `version`."""

    async def get_run(self, occurrence: OccurrenceId) -> LessonRun | None:
        """The run, or None while nothing has happened yet."""
        ...

    async def runs_of(
        self, occurrences: Iterable[OccurrenceId]
    ) -> Mapping[OccurrenceId, LessonRun]:
        """The runs that exist of these occurrences."""
        ...

    async def unfinished_runs(self) -> Sequence[LessonRun]:
        """Runs that are open or live."""
        ...

    async def save_run(self, run: LessonRun, *, act: ActId | None = None) -> LessonRun | None:
        """Store `run` if the stored version equals `run.version`; return it with the next version.

        `act` is what a person did to cause the change; it is remembered in the same transaction.
        Returns None if another writer was first or `act` was done already: ask and read again.
        """
        ...

    async def save_runs(
        self, wanted: Iterable[LessonRun], *, epoch: int | None = None
    ) -> Mapping[OccurrenceId, LessonRun]:
        """As `save_run` for many in one transaction; those that were stored.

        With `epoch` only while the scheduler's lease is in that epoch: ProblemError `lease_lost`.
        """
        ...

    async def floors_of(self, occurrences: Iterable[OccurrenceId]) -> Mapping[OccurrenceId, Floor]:
        """The floors that somebody has touched, of these occurrences."""
        ...

    async def get_floor(self, occurrence: OccurrenceId) -> Floor | None:
        """The floor, or None if nobody has touched it."""
        ...

    async def save_floor(
        self, floor: Floor, *, act: ActId | None = None, turned_at: datetime | None = None
    ) -> Floor | None:
        """As `save_run`. `turned_at`: its page is another one since then, which is remembered."""
        ...

    async def add_message(self, message: RoomMessage) -> None:
        """Keep a message with its lesson; one whose id is there already is left as it is."""
        ...

    async def messages_of(self, occurrence: OccurrenceId) -> Sequence[RoomMessage]:
        """Every message of a lesson, oldest first."""
        ...

    async def latest_messages(
        self, occurrences: Iterable[OccurrenceId], limit: int
    ) -> Mapping[OccurrenceId, Sequence[RoomMessage]]:
        """The last messages of each of these lessons that has any, oldest first."""
        ...

    async def act_done(self, occurrence: OccurrenceId, act: ActId) -> bool:
        """Whether a run or floor was stored with this act; known until the lesson is over."""
        ...


class AccountStore(Protocol):
    """People and their sessions."""

    async def add_user(self, user: User) -> None:
        """Store a new account; ValueError if the login is taken."""
        ...

    async def update_user(self, user: UserId, change: Callable[[User], User]) -> User:
        """Store what `change` makes of the account as it is now; returns that.

        Reading, changing and storing are one transaction that no other change can overtake, here or
        on another coordinator. Whatever `change` raises passes, and nothing is stored then. Raises
        KeyError for an unknown id, and ProblemError `last_admin` rather than leave no
        administrator who can sign in.
        """
        ...

    async def users(self) -> Sequence[User]:
        """Every account, by login."""
        ...

    async def user_by_login(self, login: str) -> User | None:
        """One account by its case-folded login."""
        ...

    async def user_by_id(self, user: UserId) -> User | None:
        """One account."""
        ...

    async def add_session(self, session: Session) -> None:
        """Store a session."""
        ...

    async def session_by_token(self, token_hash: bytes) -> tuple[Session, User] | None:
        """The session and its user, whatever its age."""
        ...

    async def extend_session(self, token_hash: bytes, *, expires_at: datetime) -> None:
        """Let a session live until `expires_at`; a session that is gone stays gone."""
        ...

    async def drop_sessions(
        self,
        *,
        token_hash: bytes | None = None,
        user: UserId | None = None,
        expired_at: datetime | None = None,
    ) -> int:
        """Delete one session, all of a user, or all that expired; returns how many."""
        ...


class LeaseStore(Protocol):
    """Which coordinator runs the alarm clock."""

    async def hold_lease(self, holder: str, *, for_s: float) -> Lease:
        """Take or renew the lease if it is free, expired or ours; return the lease in force."""
        ...

    async def release_lease(self, holder: str) -> None:
        """Give the lease up if it is ours."""
        ...


class RecordingStore(Protocol):
    """What is known of lessons' recordings."""

    async def want_recording(
        self, occurrence: OccurrenceId, wanted: bool, *, by: str, at: datetime, most: int
    ) -> bool:
        """A person says whether a lesson is to be recorded; KeyError for an unknown lesson.

        What changes the wish is kept as an act; False, and nothing done, if a beginning would be
        the act after `most`.
        """
        ...

    async def recording_acts(self, occurrence: OccurrenceId) -> Sequence[RecordingAct]:
        """Who had a recording begin and stop, as they did."""
        ...

    async def recording_wishes(
        self, occurrences: Iterable[OccurrenceId]
    ) -> Mapping[OccurrenceId, bool]:
        """What people have said of these lessons; without those of which nobody said anything."""
        ...

    async def save_recordings(self, wanted: Sequence[Recording]) -> None:
        """Replace what is known of recordings, all or none; KeyError for an unknown lesson."""
        ...

    async def recordings_of(
        self, occurrences: Iterable[OccurrenceId]
    ) -> Mapping[OccurrenceId, Recording]:
        """The recordings there are of these lessons."""
        ...

    async def saved_recordings(self, *, limit: int) -> Sequence[Recording]:
        """The recordings that can be watched, the latest begun first."""
        ...

    async def unsettled_recordings(self) -> Sequence[OccurrenceId]:
        """Lessons whose recording is not at its end yet, by id."""
        ...


class SimulationStore(Protocol):
    """Whether all of it is made up."""

    async def is_simulated(self) -> bool:
        """Whether everything in this database is simulated."""
        ...

    async def mark_simulated(self, *, seed: int, until: date, at: datetime) -> bool:
        """Mark an empty database for good; False, and nothing done, if it has a roster already."""
        ...


class Store(
    RosterStore,
    CalendarStore,
    TimetableStore,
    DraftStore,
    NoticeStore,
    LessonStore,
    FactStore,
    ChainStore,
    RollupStore,
    TerminalJournalStore,
    OpinionStore,
    RulesStore,
    AccessLogStore,
    TerminalStore,
    HelpStore,
    AccountStore,
    LeaseStore,
    RecordingStore,
    PushStore,
    SimulationStore,
    FeedStore,
    ReportStore,
    LibraryStore,
    PushOrderStore,
    PushLineStore,
    RetentionStore,
    ResearchStore,
    MeetingStore,
    MinutesStore,
    DocumentStore,
    MaterialStore,
    StudyStore,
    RubricStore,
    ScoreStore,
    Protocol,
):
    """One database behind all of the above."""

    async def ready(self) -> bool:
        """Whether the database answers."""
        ...

    async def close(self) -> None:
        """Release every connection."""
        ...


# ---------------------------------------------------------------------------- bus


class Bus(Protocol):
    """Signalling between coordinators: at most once, nothing that must not be lost."""

    async def publish(self, channel: str, message: Mapping[str, Any]) -> None:
        """Send a JSON-able message to every subscriber of the channel, this process included."""
        ...

    def subscribe(
        self, channel: str
    ) -> AbstractAsyncContextManager[AsyncIterator[Mapping[str, Any]]]:
        """Messages from now on; `{"type": "resync"}` stands for an unknown number lost."""
        ...

    async def close(self) -> None:
        """End every subscription."""
        ...


# ---------------------------------------------------------------------------- relay


@dataclass(frozen=True, slots=True)
class Layout:
    """Which source feeds each slot of a subscriber, by order of its m-lines; None is an idle slot.

    Source names: `camera`, `screen`, or `seat:<seat id>`. `heights` says by video slot how high the
    picture is shown, in pixels, so that the relay sends no more; None is as high as there is.
    """

    audio: tuple[str | None, ...] = ("camera",)
    video: tuple[str | None, ...] = ("camera", "screen")
    heights: tuple[int | None, ...] = ()


@dataclass(frozen=True, slots=True)
class RoomSpec:
    """A room as the coordinator wants it. `layouts` maps peer name to layout; `*` is the default.

    Peer names: `host`, a seat id, or `viewer:<anything>`. `ingest` is the recording host
    (录播主机) that is its camera, as `domain.ingest.parse_ingest` reads it.
    """

    room: str
    layouts: Mapping[str, Layout] = field(default_factory=dict)
    ingest: str | None = field(default=None, repr=False)  # it may hold a password


@dataclass(frozen=True, slots=True)
class PeerStatus:
    """One WHIP or WHEP session as the relay sees it now; totals since it connected."""

    room: str
    peer: str
    direction: str
    source: str | None
    connected: bool
    path: str
    rtt_ms: float | None
    packets: int
    bytes: int
    loss: float | None
    jitter_ms: float | None
    last_media_s: float | None
    level: int | None = None
    """How loud a publisher's voice is: 0 loud to 127 silent, None if it is off or says nothing."""


@dataclass(frozen=True, slots=True)
class IngestStatus:
    """A room's recording host now: `state` is connecting, live or failed, `reason` and `advice`
    are codes of `domain.ingest`, `source` has no secret in it."""

    room: str
    source: str
    state: str
    reason: str | None
    advice: tuple[str, ...]
    width: int
    height: int
    audio: str | None
    since_s: float
    restarts: int


@dataclass(frozen=True, slots=True)
class RelayStatus:
    """The relay's own view: identity, boot, rooms, peers and recording hosts."""

    relay: str
    boot: str
    draining: bool
    rooms: tuple[str, ...]
    peers: tuple[PeerStatus, ...]
    ingests: tuple[IngestStatus, ...] = ()


@dataclass(frozen=True, slots=True)
class JournalPage:
    """Journal records after a cursor, and the cursor to confirm them with."""

    records: tuple[Mapping[str, Any], ...]
    cursor: str
    more: bool


class RelayDownError(Exception):
    """The relay's control API cannot be reached or did not answer in time."""


class RelayControl(Protocol):
    """The relay's control API. Every method raises `RelayDownError` when it cannot be reached."""

    async def status(self, room: str | None = None) -> RelayStatus:
        """Identity and peers, of one room or of all."""
        ...

    async def put_room(self, spec: RoomSpec) -> None:
        """Make the room or replace its layouts; idempotent, takes effect at once."""
        ...

    async def delete_room(self, room: str) -> None:
        """Close every session of the room and write its last samples; unknown rooms are fine."""
        ...

    async def kick(self, room: str, peer: str) -> None:
        """Close the sessions of one peer."""
        ...

    async def journal(self, after: str | None, limit: int) -> JournalPage:
        """Records after the cursor, oldest first."""
        ...

    async def confirm_journal(self, cursor: str) -> None:
        """Allow the relay to forget everything up to the cursor."""
        ...

    async def record(self, recording: str, room: str, sources: Sequence[str]) -> Mapping[str, Any]:
        """Record these sources of a room, or go on doing so; what there is of it."""
        ...

    async def stop_recording(self, recording: str) -> Mapping[str, Any]:
        """End a recording; idempotent."""
        ...

    async def recording(self, recording: str) -> Mapping[str, Any]:
        """What there is of a recording."""
        ...

    async def recordings(self, state: str) -> Sequence[str]:
        """Ids of the recordings in a state, the last by name first, at most 1000."""
        ...
