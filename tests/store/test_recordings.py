"""Recordings: the wish and the account are kept apart, and the last account counts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.recordings import (
    RecordedFile,
    Recording,
    RecordingAct,
    RecordingState,
)
from sync_classroom.store.database import Database
from tests.support.plan_changes import book
from tests.support.plans import at, lesson
from tests.support.rosters import programme

pytestmark = pytest.mark.asyncio
ONE, TWO = OccurrenceId("o-1"), OccurrenceId("o-2")
SAID: dict[str, Any] = {"by": "wang", "at": at("09:05"), "most": 9}
FILE = RecordedFile(
    "01-camera-1.mp4", "camera", "mp4", 0.25, 2400.125, 123_456_789_012, "ab" * 32, 1280, 720,
    (("video", 1.5, 2.5), ("audio", 3.0, 4.0)), ("01-camera-1-1.jpg",),
)  # fmt: skip
SAVED = Recording(
    ONE, RecordingState.SAVED, "o-1", at("09:00:00.123"), at("09:40"), None, True, "why", (FILE,)
)


@pytest_asyncio.fixture(autouse=True)
async def planned(store: Database) -> None:
    await store.apply_roster(programme())
    for hour, occurrence in ((9, ONE), (10, TWO)):
        wanted = lesson(occurrence, f"{hour:02}:00", f"{hour:02}:40", seats=["remote-1-r1"])
        await book(store, wanted, key=occurrence, gap_s=0)


async def test_nothing_is_known_of_a_new_lesson(store: Database) -> None:
    assert await store.recordings_of([ONE, TWO]) == {}
    assert await store.recording_wishes([ONE]) == {}
    assert await store.unsettled_recordings() == []


async def test_an_account_comes_back_as_it_went_in(store: Database) -> None:
    await store.save_recordings([SAVED])
    assert await store.recordings_of([ONE, TWO]) == {ONE: SAVED}
    bare = Recording(TWO, RecordingState.REFUSED, "o-2")
    await store.save_recordings([bare])
    assert await store.recordings_of([TWO]) == {TWO: bare}


async def test_a_later_account_replaces_the_one_before_with_its_files(store: Database) -> None:
    await store.save_recordings([SAVED])
    other = replace(FILE, name="02-screen-1.mp4", source="screen", sha256=None)
    later = replace(SAVED, disk_full=False, failure=None, files=(replace(FILE, bytes=1), other))
    await store.save_recordings([later])
    assert (await store.recordings_of([ONE]))[ONE] == later
    gone = replace(later, state=RecordingState.DELETED, deleted_at=at("12:00"), files=())
    await store.save_recordings([gone])
    assert (await store.recordings_of([ONE]))[ONE] == gone


async def test_the_wish_and_the_account_are_apart(store: Database) -> None:
    await store.want_recording(ONE, False, **SAID)
    assert await store.recording_wishes([ONE]) == {ONE: False}
    assert await store.recordings_of([ONE]) == {}
    await store.save_recordings([SAVED])
    assert await store.recording_wishes([ONE]) == {ONE: False}
    await store.want_recording(ONE, True, **SAID)
    assert await store.recording_wishes([ONE]) == {ONE: True}
    assert (await store.recordings_of([ONE]))[ONE] == SAVED


async def test_beginnings_and_stops_are_kept_once_and_have_an_end(store: Database) -> None:
    first, second = at("09:05"), at("09:06")
    assert await store.want_recording(ONE, True, by="wang", at=first, most=2)
    # A browser that tries again, or another page: it is wanted already.
    assert await store.want_recording(ONE, True, by="li", at=second, most=2)
    assert await store.want_recording(ONE, False, by="li", at=second, most=2)
    assert not await store.want_recording(ONE, True, by="wang", at=second, most=2)
    assert await store.recording_wishes([ONE]) == {ONE: False}
    assert await store.recording_acts(ONE) == [
        RecordingAct(first, "wang", True), RecordingAct(second, "li", False),
    ]  # fmt: skip
    assert await store.recording_acts(TWO) == []


async def test_stopping_is_never_refused(store: Database) -> None:
    assert await store.want_recording(ONE, True, by="wang", at=at("09:05"), most=1)
    assert await store.want_recording(ONE, False, by="wang", at=at("09:06"), most=1)
    assert len(await store.recording_acts(ONE)) == 2


async def test_what_is_not_at_its_end_is_unsettled(store: Database) -> None:
    for state in RecordingState:
        await store.save_recordings([replace(SAVED, state=state)])
        ended = state in (RecordingState.SAVED, RecordingState.DELETED)
        assert await store.unsettled_recordings() == ([] if ended else [ONE])


async def test_an_unknown_lesson_is_a_key_error(store: Database) -> None:
    nobody = OccurrenceId("nobody")
    with pytest.raises(KeyError):
        await store.want_recording(nobody, True, **SAID)
    with pytest.raises(KeyError):
        await store.save_recordings([replace(SAVED, occurrence=nobody)])
