"""Recordings: the wish of a person, and the relay's account, which replaces the one before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Executable, delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from ..domain.ids import OccurrenceId
from ..domain.recordings import (
    UNSETTLED,
    RecordedFile,
    Recording,
    RecordingAct,
    RecordingState,
)
from .queries import Queries, in_chunks, rows
from .tables import recorded_files, recording_acts, recordings

# A constant of our own: whoever numbers an act holds it.
ACTS_LOCK: Final = 0x5C_1A55_0036


class RecordingQueries(Queries):
    """`RecordingStore` of the coordinator's ports."""

    async def want_recording(
        self, occurrence: OccurrenceId, wanted: bool, *, by: str, at: datetime, most: int
    ) -> bool:
        """A person says whether a lesson is to be recorded; KeyError for an unknown lesson.

        What changes the wish is kept as an act; False, and nothing done, if a beginning would be
        the act after `most`. Stopping is never refused.
        """
        row = {"occurrence": occurrence, "wanted": wanted, "disk_full": False}
        known = select(recordings.c.wanted).where(recordings.c.occurrence == occurrence)
        count = select(func.count()).where(recording_acts.c.occurrence == occurrence)
        act = {"occurrence": occurrence, "at": at, "by": by, "wanted": wanted}
        try:
            async with self._database.write() as connection:
                await self._alone(connection, ACTS_LOCK)
                if await connection.scalar(known) is wanted:
                    return True
                number = (await connection.scalar(count) or 0) + 1
                if wanted and number > most:
                    return False
                await connection.execute(self._upsert(["wanted"]), [row])
                await connection.execute(insert(recording_acts), [act | {"no": number}])
        except IntegrityError as error:
            raise KeyError(occurrence) from error
        return True

    async def recording_acts(self, occurrence: OccurrenceId) -> Sequence[RecordingAct]:
        """Who had a recording begin and stop, as they did."""
        t = recording_acts.c
        statement = select(t.at, t.by, t.wanted).where(t.occurrence == occurrence).order_by(t.no)
        async with self._database.read() as connection:
            return [RecordingAct(*row) for row in await rows(connection, statement)]

    async def recording_wishes(
        self, occurrences: Iterable[OccurrenceId]
    ) -> Mapping[OccurrenceId, bool]:
        """What people have said of these lessons; without those of which nobody said anything."""
        found: dict[OccurrenceId, bool] = {}
        async with self._database.read() as connection:
            for chunk in in_chunks(list(occurrences)):
                said = select(recordings.c.occurrence, recordings.c.wanted).where(
                    recordings.c.occurrence.in_(chunk), recordings.c.wanted.is_not(None)
                )
                found |= {row.occurrence: row.wanted for row in await rows(connection, said)}
        return found

    async def save_recordings(self, wanted: Sequence[Recording]) -> None:
        """Replace what is known of recordings, all or none; KeyError for an unknown lesson."""
        # In one order, so that two who write the same ones do not wait for each other.
        ordered = sorted(wanted, key=lambda recording: recording.occurrence)
        files = [_values(one.occurrence, file) for one in ordered for file in one.files]
        try:
            async with self._database.write() as connection:
                for chunk in in_chunks([recording.occurrence for recording in ordered]):
                    known = recorded_files.c.occurrence.in_(chunk)
                    await connection.execute(delete(recorded_files).where(known))
                if ordered:
                    await connection.execute(self._upsert(_ACCOUNT), [_row(r) for r in ordered])
                if files:
                    await connection.execute(insert(recorded_files), files)
        except IntegrityError as error:  # the only constraint that can be hurt is the foreign key
            raise KeyError(*(recording.occurrence for recording in ordered)) from error

    async def recordings_of(
        self, occurrences: Iterable[OccurrenceId]
    ) -> Mapping[OccurrenceId, Recording]:
        """The recordings there are of these lessons."""
        found: dict[OccurrenceId, Recording] = {}
        async with self._database.read() as connection:
            for chunk in in_chunks(list(occurrences)):
                files: dict[str, list[RecordedFile]] = {}
                of_files = recorded_files.c.occurrence.in_(chunk)
                ordered = select(recorded_files).where(of_files).order_by(recorded_files.c.name)
                for row in await rows(connection, ordered):
                    files.setdefault(row.occurrence, []).append(_file(row))
                statement = select(recordings).where(recordings.c.occurrence.in_(chunk))
                for row in await rows(connection, statement):
                    if row.state is not None:
                        found[row.occurrence] = _recording(row, files.get(row.occurrence, []))
        return found

    async def saved_recordings(self, *, limit: int) -> Sequence[Recording]:
        """The recordings that can be watched, the latest begun first."""
        t = recordings.c
        statement = (
            select(t.occurrence)
            .where(t.state == RecordingState.SAVED.value)
            .order_by(t.started_at.desc(), t.occurrence)
            .limit(limit)
        )
        async with self._database.read() as connection:
            latest = [row.occurrence for row in await rows(connection, statement)]
        found = await self.recordings_of(latest)
        return [found[occurrence] for occurrence in latest if occurrence in found]

    async def unsettled_recordings(self) -> Sequence[OccurrenceId]:
        """Lessons whose recording is not at its end yet, by id."""
        states = [state.value for state in UNSETTLED]
        statement = (
            select(recordings.c.occurrence)
            .where(recordings.c.state.in_(states))
            .order_by(recordings.c.occurrence)
        )
        async with self._database.read() as connection:
            return [row.occurrence for row in await rows(connection, statement)]

    def _upsert(self, columns: Sequence[str]) -> Executable:
        """Insert a lesson's row, or replace these columns of the one there is."""
        row = self._insert(recordings)
        return row.on_conflict_do_update(
            index_elements=["occurrence"], set_={name: row.excluded[name] for name in columns}
        )


# What the relay says of a recording; `wanted` is people's.
_ACCOUNT: Final = (
    *("state", "folder", "started_at", "ended_at", "deleted_at", "disk_full", "failure"),
)


def _row(recording: Recording) -> dict[str, Any]:
    account = {name: getattr(recording, name) for name in _ACCOUNT}
    return account | {"occurrence": recording.occurrence, "state": recording.state.value}


def _values(occurrence: OccurrenceId, file: RecordedFile) -> dict[str, Any]:
    values = {name: getattr(file, name) for name in RecordedFile.__slots__}
    return values | {
        "occurrence": occurrence,
        "gaps": [list(gap) for gap in file.gaps],
        "thumbnails": list(file.thumbnails),
    }


def _file(row: Any) -> RecordedFile:
    return RecordedFile(
        row.name,
        row.source,
        row.container,
        row.start_s,
        row.duration_s,
        row.bytes,
        row.sha256,
        row.width,
        row.height,
        tuple((kind, from_s, to_s) for kind, from_s, to_s in row.gaps),
        tuple(row.thumbnails),
    )


def _recording(row: Any, files: Sequence[RecordedFile]) -> Recording:
    return Recording(
        row.occurrence,
        RecordingState(row.state),
        folder=row.folder,
        started_at=row.started_at,
        ended_at=row.ended_at,
        deleted_at=row.deleted_at,
        disk_full=row.disk_full,
        failure=row.failure,
        files=tuple(files),
    )
