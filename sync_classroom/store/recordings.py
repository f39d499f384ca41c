"""Recordings: the wish of a person, and the relay's account, which replaces the one before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from ..domain.ids import OccurrenceId
from ..domain.recordings import UNSETTLED, RecordedFile, Recording, RecordingState
from .queries import Queries, in_chunks, rows
from .tables import recorded_files, recordings


class RecordingQueries(Queries):
    """`RecordingStore` of the coordinator's ports."""

    async def want_recording(self, occurrence: OccurrenceId, wanted: bool) -> None:
        """A person says whether a lesson is to be recorded; KeyError for an unknown lesson."""
        await self._upsert(occurrence, {"wanted": wanted})

    async def recording_wish(self, occurrence: OccurrenceId) -> bool | None:
        """What a person has said, or None."""
        statement = select(recordings.c.wanted).where(recordings.c.occurrence == occurrence)
        async with self._database.read() as connection:
            found = await rows(connection, statement)
        return found[0].wanted if found else None

    async def save_recording(self, recording: Recording) -> None:
        """Replace what is known of a recording; KeyError for an unknown lesson."""
        values = {
            "state": recording.state.value,
            "folder": recording.folder,
            "started_at": recording.started_at,
            "ended_at": recording.ended_at,
            "deleted_at": recording.deleted_at,
            "disk_full": recording.disk_full,
            "failure": recording.failure,
        }
        await self._upsert(recording.occurrence, values, recording.files)

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

    async def _upsert(
        self,
        occurrence: OccurrenceId,
        values: dict[str, Any],
        files: Sequence[RecordedFile] | None = None,
    ) -> None:
        try:
            async with self._database.write() as connection:
                await connection.execute(
                    self._insert(recordings)
                    .values(**({"occurrence": occurrence, "disk_full": False} | values))
                    .on_conflict_do_update(index_elements=["occurrence"], set_=values)
                )
                if files is None:
                    return
                await connection.execute(
                    delete(recorded_files).where(recorded_files.c.occurrence == occurrence)
                )
                if files:
                    await connection.execute(
                        insert(recorded_files), [_values(occurrence, file) for file in files]
                    )
        except IntegrityError as error:  # the only constraint that can be hurt is the foreign key
            raise KeyError(occurrence) from error


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
