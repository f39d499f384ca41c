"""What the coordinator needs of a store for research sessions and their meetings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

from ..domain.ids import OccurrenceId, ResourceId, TeacherId
from ..domain.meeting import Guest, Presence, Stage
from ..domain.minutes import Paragraph
from ..domain.research import Papers, SessionFile
from ..domain.rubric import Rubric, Scores
from ..domain.study import Comment, Study
from ..domain.timetable import Occurrence


class ResearchStore(Protocol):
    """Sessions and what belongs to them beside the plan."""

    async def sessions_on(self, first: date, last: date) -> Sequence[Occurrence]:
        """Research sessions whose date lies in `[first, last]`, withdrawn too, by start then id."""
        ...

    async def subject_teachers(self, first: date, last: date) -> frozenset[tuple[str, TeacherId]]:
        """(subject, teacher) of whoever gives or assists a lesson dated in `[first, last]`."""
        ...

    async def papers_of(self, sessions: Iterable[OccurrenceId]) -> Mapping[OccurrenceId, Papers]:
        """The latest papers of these sessions; nothing of those that have none."""
        ...

    async def papers_history(self, session: OccurrenceId, limit: int) -> Sequence[Papers]:
        """The latest `limit` papers of one session, oldest first."""
        ...

    async def papers_written(self, session: OccurrenceId, key: str) -> bool:
        """Whether papers of this session were stored with this key."""
        ...

    async def save_papers(self, papers: Papers, *, key: str) -> bool:
        """Store papers as the next revision, once for a `key`; False if somebody was first."""
        ...


class MeetingStore(Protocol):
    """Meetings while they go on."""

    async def stage_of(self, occurrence: OccurrenceId) -> Stage | None:
        """The stage of a meeting; None while nobody was in it."""
        ...

    async def open_stages(self) -> Sequence[Stage]:
        """The stages of meetings that are open or live."""
        ...

    async def save_stage(self, stage: Stage) -> Stage | None:
        """Store the stage over `stage.version`; None if another writer was first."""
        ...

    async def claim_presence(
        self, wanted: Presence, *, gone_before: datetime, anyway: bool, most: int
    ) -> Presence | None:
        """A person comes into a meeting; None if they now are, else where they are already.

        With `most` others in the meeting the answer is a presence of nobody (`peer` empty).
        """
        ...

    async def see_presence(self, wanted: Presence) -> bool:
        """Note that a person is still there; False if not, or with another page."""
        ...

    async def presence_of(self, peer: str) -> Presence | None:
        """Where a person is or was last."""
        ...

    async def present_in(self, occurrence: OccurrenceId, since: datetime) -> Sequence[Presence]:
        """Who was seen in a meeting since then, by when they came."""
        ...

    async def end_presence(self, peer: str, client: str) -> None:
        """A person left with this page."""
        ...

    async def add_guest(self, guest: Guest, link_hash: bytes, *, most: int) -> bool:
        """Store a fresh link; False if the session has `most` already."""
        ...

    async def redeem_guest(
        self, link_hash: bytes, *, name: str, pass_hash: bytes, at: datetime
    ) -> Guest | None:
        """Use a link once; None if it is unknown or was used."""
        ...

    async def guest_by_link(self, link_hash: bytes) -> Guest | None:
        """Whose link this is, used or not."""
        ...

    async def guest_by_pass(self, pass_hash: bytes) -> Guest | None:
        """Who holds this pass."""
        ...

    async def guests_of(self, session: OccurrenceId) -> Sequence[Guest]:
        """Every guest and link of a session, oldest first."""
        ...


class MinutesStore(Protocol):
    """Minutes of sessions, by paragraph and revision."""

    async def minutes_of(self, session: OccurrenceId) -> Sequence[Paragraph]:
        """The latest revision of every paragraph, by number; those taken out too."""
        ...

    async def write_paragraph(self, wanted: Paragraph, *, key: str, most: int) -> Paragraph | None:
        """Store a paragraph, once for a `key`; how it is then. None if there are `most`.

        `number` 0 is a new one. KeyError for a paragraph that is not there.
        """
        ...


class StudyStore(Protocol):
    """What sessions watch, and comments at moments of it."""

    async def study_of(self, session: OccurrenceId) -> Study | None:
        """What a session watches; None while nothing was ever chosen."""
        ...

    async def save_study(self, study: Study) -> Study | None:
        """Store it over `study.version`; None if another writer was first."""
        ...

    async def lessons_watched(self, session: OccurrenceId) -> Sequence[OccurrenceId]:
        """Every lesson that a session watched, as they were first watched."""
        ...

    async def comments_of(self, session: OccurrenceId) -> Sequence[Comment]:
        """Every comment of a session, as they came."""
        ...

    async def count_comments(self, session: OccurrenceId) -> int:
        """How many comments a session has."""
        ...

    async def add_comment(self, comment: Comment, *, key: str, most: int) -> Comment | None:
        """Store a comment as the next one, once for a `key`; None if there are `most`."""
        ...


class ScoreStore(Protocol):
    """Scores of lessons in sessions, one of each person."""

    async def scores_of(self, session: OccurrenceId) -> Sequence[Scores]:
        """Every score of a session, by lesson, then as people last gave them."""
        ...

    async def save_scores(self, scores: Scores) -> bool:
        """Store one person's, in place of theirs before; False where others used other items."""
        ...


class RubricStore(Protocol):
    """The rubric that lessons are scored by."""

    async def rubric(self) -> Rubric | None:
        """The rubric in force; None while nobody has changed it."""
        ...

    async def save_rubric(self, rubric: Rubric) -> bool:
        """Store it as the version after `rubric.version`; False if another writer was first."""
        ...


class MaterialStore(Protocol):
    """Files that belong to sessions."""

    async def files_of(self, session: OccurrenceId) -> Sequence[SessionFile]:
        """The files of a session, as they were added."""
        ...

    async def add_file(self, file: SessionFile, *, most: int) -> bool:
        """Store a file, a resource once in a session; False if there are `most` others."""
        ...

    async def remove_file(self, session: OccurrenceId, resource: ResourceId) -> None:
        """A file no longer belongs to a session; the library keeps it."""
        ...
