"""Importing a timetable: a file is read once, looked at as often as needed, and taken once.

What was read is kept here between preview and commit, under a token, for a while. It is not the
plan: with it gone the file is uploaded again.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

import structlog

from ..domain.edit_sheet import EditDesk
from ..domain.edits import Command
from ..domain.ids import TermId, UserId
from ..domain.import_plan import ImportDesk, ImportPlan, plan_import, removals
from ..domain.import_rows import ReadFile
from ..domain.import_trial import Trial, rows_with, try_import
from ..domain.problems import ProblemError, ProblemKind
from ..domain.roster import Roster
from .draft_state import DraftView
from .drafts import DraftService, EditAnswer, new_text
from .roster import RosterService
from .services import Clock

log = structlog.get_logger(__name__)

# An office has one or two people at this; what is older than two hours was given up.
MAX_UPLOADS: Final = 20
MAX_OWN_UPLOADS: Final = 3
LIFETIME: Final = timedelta(hours=2)
MAX_ANSWERS: Final = 500
# Turning the pages of a term's preview must not compute it anew: that takes seconds.
MAX_PREVIEWS: Final = 3
FRESH: Final = timedelta(minutes=1)
MAX_NAME: Final = 120


class FileReader(Protocol):
    """Reads files, as `exchange.importer` does."""

    async def read(self, data: bytes) -> Any:
        """What a file holds; ProblemError for what is no timetable."""
        ...

    def interpret(
        self,
        content: Any,
        roster: Roster,
        term: TermId | None,
        chosen: Mapping[tuple[str, str], str],
    ) -> ReadFile:
        """What it means in a roster; `chosen` are answers for names nobody knows."""
        ...


@dataclass(frozen=True, slots=True)
class Upload:
    """One file that was read. `chosen` are answers given so far: (kind, name) → id."""

    token: str
    user: UserId
    term: TermId
    name: str
    content: Any
    at: datetime
    chosen: Mapping[tuple[str, str], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Preview:
    """What an upload would do to the draft as it is now."""

    upload: Upload
    file: ReadFile
    plan: ImportPlan
    trial: Trial
    revision: int


class ImportService:
    """Uploads of this coordinator, their previews, and their commit into a draft."""

    def __init__(
        self,
        reader: FileReader,
        drafts: DraftService,
        *,
        roster: RosterService,
        clock: Clock,
        zone: ZoneInfo,
        gap_s: int = 0,
    ) -> None:
        self._reader = reader
        self._drafts = drafts
        self._roster = roster
        self._clock = clock
        self._zone = zone
        self._gap_s = gap_s
        self._uploads: OrderedDict[str, Upload] = OrderedDict()
        self._previews: OrderedDict[str, tuple[DraftView, Preview, datetime]] = OrderedDict()

    async def take(self, data: bytes, *, name: str, term: TermId, user: UserId) -> Upload:
        """Read a file and keep what it holds; ProblemError naming what is wrong with it."""
        if term not in self._roster.current().terms:
            raise ProblemError(
                "unknown_term", "没有这个学期，请重新选择。",
                "There is no such term; choose again.",
                kind=ProblemKind.NOT_FOUND, field="term", value=term[:100],
            )  # fmt: skip
        content = await self._reader.read(data)
        # A header or rows that are missing are told at once, not on the next page.
        await asyncio.to_thread(self._interpret, content, term, {})
        upload = Upload(
            secrets.token_urlsafe(18), user, term, name[:MAX_NAME], content, self._clock()
        )
        self._forget()
        own = [u.token for u in self._uploads.values() if u.user == user]
        for token in own[: max(0, len(own) + 1 - MAX_OWN_UPLOADS)]:
            del self._uploads[token]
        while len(self._uploads) >= MAX_UPLOADS:
            self._uploads.popitem(last=False)
        self._uploads[upload.token] = upload
        log.info("import.read", upload=upload.token[:6], by=user, bytes=len(data))
        return upload

    def upload(self, token: str, *, user: UserId) -> Upload:
        """An upload of this person's; ProblemError `upload_unknown` once it is gone."""
        self._forget()
        found = self._uploads.get(token)
        if found is None or found.user != user:
            raise ProblemError(
                "upload_unknown",
                "上传的文件已不在（保留 2 小时）。请重新上传。",
                "The uploaded file is no longer here (it is kept for 2 hours). Upload it again.",
                kind=ProblemKind.NOT_FOUND,
            )
        return found

    def answer(self, token: str, answers: Mapping[tuple[str, str], str], *, user: UserId) -> Upload:
        """Keep what a person says names of the file mean; an empty id takes an answer back."""
        found = self.upload(token, user=user)
        roster = self._roster.current()
        known: Mapping[str, Mapping[Any, object]] = {
            "classroom": roster.classrooms,
            "teacher": roster.teachers,
            "class": roster.classes,
            "school": roster.schools,
            "term": roster.terms,
        }
        chosen = dict(found.chosen)
        for (kind, name), ident in list(answers.items())[:MAX_ANSWERS]:
            if ident in known.get(kind, {}):
                chosen[kind, name] = ident
            else:
                chosen.pop((kind, name), None)
        changed = replace(found, chosen=dict(list(chosen.items())[:MAX_ANSWERS]))
        self._uploads[token] = changed
        return changed

    async def preview(self, token: str, *, user: UserId) -> Preview:
        """What the file means, row by row, and what taking it would do to the draft."""
        upload = self.upload(token, user=user)
        view = await self._drafts.draft(upload.term)
        return self._known(upload, view) or await self._preview(upload, view)

    async def commit(
        self,
        token: str,
        *,
        user: UserId,
        actor: str,
        key: str,
        seen: int,
        remove: Sequence[str] = (),
        without_clashes: bool = False,
    ) -> EditAnswer | None:
        """Take every row without an error into the draft, as one step; None if nothing changes.

        `remove` are vanished rules to be removed, `without_clashes` leaves rows out that clash. The
        same `key` imports nothing more and answers as it did: by then the file changes nothing.
        """
        upload = self.upload(token, user=user)
        done = await self._drafts.answered(upload.term, key)
        if done is not None:
            return done
        view = await self._drafts.draft(upload.term)
        preview = self._known(upload, view) or await self._preview(upload, view)
        out = rows_with(preview.trial, (), clashing=without_clashes)
        commands: list[Command] = [
            *removals(preview.plan.vanished, remove),
            *preview.trial.commands(without=out),
        ]
        if not commands:
            return None
        answer = await self._drafts.edit(upload.term, commands, seen=seen, actor=actor, key=key)
        log.info("import.taken", upload=token[:6], by=user, commands=len(commands))
        return answer

    def _known(self, upload: Upload, view: DraftView) -> Preview | None:
        """The preview made last, if nothing it rests on has changed since."""
        seen, made, at = self._previews.get(upload.token, (None, None, self._clock()))
        # A draft to which nothing was done gives the same view.
        if seen is not view or made is None or made.upload != upload:
            return None
        # Lessons whose time comes can be imported no more.
        return made if self._clock() - at < FRESH else None

    async def _preview(self, upload: Upload, view: DraftView) -> Preview:
        now = self._clock()
        desk = EditDesk(
            roster=view.roster, calendar=view.calendar, zone=self._zone, now=now, by=upload.user,
            new_id=new_text, term=upload.term,
        )  # fmt: skip
        on = ImportDesk(
            upload.term, view.calendar, self._zone, now, now.astimezone(self._zone).date()
        )

        def work() -> Preview:
            file = self._interpret(upload.content, upload.term, upload.chosen)
            copy = view.copy.fork()
            plan = plan_import(file.rows, copy, on)
            trial = try_import(plan, copy, desk, gap_s=self._gap_s)
            return Preview(upload, file, plan, trial, view.revision)

        made = await asyncio.to_thread(work)
        self._previews[upload.token] = view, made, now
        self._previews.move_to_end(upload.token)
        while len(self._previews) > MAX_PREVIEWS:
            self._previews.popitem(last=False)
        return made

    def _interpret(
        self, content: Any, term: TermId, chosen: Mapping[tuple[str, str], str]
    ) -> ReadFile:
        return self._reader.interpret(content, self._roster.current(), term, chosen)

    def _forget(self) -> None:
        old = self._clock() - LIFETIME
        for token in [t for t, u in self._uploads.items() if u.at < old]:
            del self._uploads[token]
        for token in self._previews.keys() - self._uploads.keys():
            del self._previews[token]
