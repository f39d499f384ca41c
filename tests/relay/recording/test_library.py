"""The folder: manifests that always tell the truth, one owner, space, deletion by age."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sync_classroom.relay.recording.library import (
    MANIFEST,
    MAX_MANIFEST_BYTES,
    TRANSITIONS,
    Library,
    Limits,
    Manifest,
    State,
    parse_manifest,
    read_manifest,
)

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def library(root: Path, *, free: int = 0, most: int = 0, days: int = 0) -> Library:
    made = Library(root, Limits(free, most, days))
    made.open()
    return made


def manifest(recording: str = "lesson-1", state: State = State.RECORDING) -> Manifest:
    return Manifest(recording, recording, "relay-1", NOW.isoformat(), state)


def test_a_manifest_is_read_back_as_it_was(tmp_path: Path) -> None:
    shelf = library(tmp_path / "recordings")
    made = manifest()
    made.source("camera").segments.append({"name": "01-camera-0001.mp4"})
    made.source("seat:seat-1").thumbnails.append("02-seat-seat-1-1-1.jpg")
    assert [source.stem for source in made.sources] == ["01-camera", "02-seat-seat-1"]
    shelf.save(made)
    assert shelf.load("lesson-1") == made
    assert shelf.load("lesson-2") is None
    assert parse_manifest(json.dumps(made.to_json())) == made
    assert not list(tmp_path.rglob("*.part"))
    shelf.close()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "sync-classroom/recording/1"}'])
def test_what_is_no_manifest_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_manifest(text)


def test_a_manifest_too_long_is_not_read(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_bytes(b" " * (MAX_MANIFEST_BYTES + 1))
    with pytest.raises(ValueError, match="too long"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "/etc", "a\0b", "-x", "x" * 200])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    shelf = library(tmp_path / "recordings")
    with pytest.raises(ValueError, match="cannot name"):
        shelf.folder(name)
    shelf.close()


def test_states_change_as_the_table_says() -> None:
    for state, following in TRANSITIONS.items():
        for other in State:
            made = manifest(state=state)
            if other in following or other is state:
                made.move(other)
                assert made.state is other
            else:
                with pytest.raises(ValueError, match="cannot become"):
                    made.move(other)


def test_two_relays_do_not_share_a_folder(tmp_path: Path) -> None:
    first = library(tmp_path)
    with pytest.raises(BlockingIOError):
        library(tmp_path)
    first.close()
    library(tmp_path).close()


def test_opening_sees_what_is_there(tmp_path: Path) -> None:
    shelf = library(tmp_path)
    shelf.save(manifest("a"))
    shelf.save(manifest("b", State.SAVED))
    (tmp_path / "a" / "01-camera-0001.mp4").write_bytes(bytes(1000))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / MANIFEST).write_text("{")
    (tmp_path / "stranger").mkdir()
    shelf.close()
    again = library(tmp_path)
    assert again.states == {"a": State.RECORDING, "b": State.SAVED}
    assert 1000 < again.used_bytes < 3000
    again.close()


def test_room_is_what_the_disk_and_the_limit_leave(tmp_path: Path) -> None:
    free = library(tmp_path / "a").free_bytes
    assert library(tmp_path / "b").room()
    assert not library(tmp_path / "c", free=2 * free).room()
    assert not library(tmp_path / "d", free=free // 2).room(spare=free)
    limited = library(tmp_path / "e", most=10_000)
    assert limited.room(growing=9_000)
    assert not limited.room(growing=10_000)
    assert not limited.room(growing=5_000, spare=5_000)


def test_media_are_deleted_by_age_and_what_they_were_is_kept(tmp_path: Path) -> None:
    shelf = library(tmp_path, days=30)
    for name, days, state in (
        ("old", 31, State.SAVED),
        ("young", 29, State.SAVED),
        ("running", 40, State.RECORDING),
        ("finishing", 40, State.FINISHING),
    ):
        made = manifest(name, state)
        made.started_at = (NOW - timedelta(days=days)).isoformat()
        made.ended_at = made.started_at
        made.source("camera").files.append({"name": "01-camera-1.mp4", "sha256": "ab"})
        shelf.save(made)
        (tmp_path / name / "01-camera-1.mp4").write_bytes(bytes(5000))
        (tmp_path / name / "01-camera-1-1.jpg").write_bytes(bytes(100))
        shelf.measure(name)
    before = shelf.used_bytes
    assert shelf.expire(NOW) == ["old"]
    assert sorted(path.name for path in (tmp_path / "old").iterdir()) == [MANIFEST]
    kept = shelf.load("old")
    assert kept is not None
    assert (kept.state, kept.deleted_at) == (State.DELETED, NOW.isoformat())
    assert kept.sources[0].files == [{"name": "01-camera-1.mp4", "sha256": "ab"}]
    for name in ("young", "running", "finishing"):
        assert (tmp_path / name / "01-camera-1.mp4").stat().st_size == 5000
    assert before - shelf.used_bytes >= 5000
    assert shelf.expire(NOW) == []
    shelf.close()


def test_without_an_age_nothing_is_deleted(tmp_path: Path) -> None:
    shelf = library(tmp_path)
    made = manifest(state=State.SAVED)
    made.ended_at = "2001-01-01T00:00:00+00:00"
    shelf.save(made)
    assert shelf.expire(NOW) == []
    shelf.close()
