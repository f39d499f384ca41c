"""A part of a recording, byte for byte as recorded, from the keyframe at or before a mark."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from sync_classroom.relay.recording.cutting import cut
from tests.support.recordings import Item, decoded, finished, items


@pytest.fixture(params=["mp4", "webm"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return finished(tmp_path / f"whole.{request.param}", seconds=6)


def of(kind: str, found: list[Item]) -> list[Item]:
    return [item for item in found if item.kind == kind]


def test_a_part_has_the_same_packets_and_begins_with_a_keyframe(source: Path) -> None:
    target = source.with_name("part" + source.suffix)
    piece = cut(source, target, 2.5, 4.0)
    assert piece.from_s == pytest.approx(2.0, abs=0.05)  # the keyframe before 2.5
    assert piece.to_s == pytest.approx(4.0, abs=0.05)
    assert piece.duration_s == pytest.approx(2.0, abs=0.05)
    assert (piece.bytes, piece.sha256) == (
        target.stat().st_size, hashlib.sha256(target.read_bytes()).hexdigest(),
    )  # fmt: skip
    whole, part = items(source), items(target)
    pictures = of("video", part)
    assert pictures[0].key
    assert pictures[0].at_s == pytest.approx(0, abs=0.002)
    assert [p.data for p in pictures] == [
        p.data for p in of("video", whole) if piece.from_s - 0.002 <= p.at_s < 3.999
    ]
    sounds = of("audio", part)
    wanted = [s for s in of("audio", whole) if piece.from_s - 0.002 <= s.at_s < 3.999]
    assert [s.data for s in sounds] == [s.data for s in wanted]
    # Sound and picture stay together, to the millisecond that WebM has.
    assert sounds[0].at_s == pytest.approx(wanted[0].at_s - piece.from_s, abs=0.003)
    assert len(list(decoded(target))) == len(pictures) == 50
    assert list(source.parent.glob("*.new")) == []


def test_the_whole_is_the_whole(source: Path) -> None:
    target = source.with_name("part" + source.suffix)
    cut(source, target, 0.0, 999.0)
    whole, part = items(source), items(target)
    assert [p.data for p in of("video", part)] == [p.data for p in of("video", whole)]
    # An encoder's first sound lies before the first picture.
    heard = [s.data for s in of("audio", whole) if s.at_s >= 0]
    assert [s.data for s in of("audio", part)] == heard


def test_marks_beyond_the_end_leave_nothing_behind(source: Path) -> None:
    target = source.with_name("part" + source.suffix)
    with pytest.raises(ValueError, match="nothing was recorded"):
        cut(source, target, 3.0, 1.0)
    assert sorted(p.name for p in source.parent.iterdir()) == [source.name]


def test_the_process_tells_what_it_made_or_what_went_wrong(tmp_path: Path) -> None:
    source, target = finished(tmp_path / "whole.mp4", seconds=2), tmp_path / "part.mp4"
    command = [sys.executable, "-m", "sync_classroom.relay.recording.cutting"]

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        # Its standard input stays open for as long as we are here.
        child = subprocess.Popen(
            [*command, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert child.stdout is not None
        assert child.stderr is not None
        out, err = child.stdout.read(), child.stderr.read()
        done = subprocess.CompletedProcess(words, child.wait(60), out, err)
        child.communicate()
        return done

    done = run(str(source), str(target), "0", "1")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["sha256"] == hashlib.sha256(target.read_bytes()).hexdigest()
    failed = run(str(tmp_path / "none.mp4"), str(target), "0", "1")
    assert failed.returncode == 1
    assert "none.mp4" in failed.stderr
