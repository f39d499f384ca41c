"""A lesson that runs, recorded, and a room that was away for a while."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.lesson import LessonState
from sync_classroom.relay.recording.segment import Segment
from tests.relay.recording.test_isobmff import config, picture
from tests.support.pages import delivered, english
from tests.support.plans import at
from tests.support.recordings import opus
from tests.support.web import Site

ENGLISH: Final = OccurrenceId("english")
NAME: Final = "01-camera-0001.mp4"
AWAY: Final = (600, 900)
"""When the second room was away, in seconds from the lesson's start."""
BEGAN_S: Final = 580
"""When the recording began, likewise; it has a minute."""


async def running(served: Site, *, recorded: bool = True) -> Path | None:
    """`english` runs still, its second room is back; the file that grows, if there is one."""
    run = await served.store.get_run(ENGLISH)
    assert run is not None
    live = replace(run, state=LessonState.LIVE, ended_at=None, end_reason=None)
    assert await served.store.save_run(live)
    back = delivered(english(), {"english-s1": [(AWAY[1], 1200)]}, [])
    await served.store.append_facts(back, received_at=at("08:31"))
    if not recorded:
        return None
    root = served.services.settings.recordings
    assert root is not None
    (root / "english").mkdir(parents=True)
    path = written(root / "english" / NAME, seconds=60)
    served.relay.answers["english"] = answer()
    return path


def written(path: Path, *, seconds: int) -> Path:
    """A file as the recorder leaves it while it goes on, a keyframe each ten seconds."""
    segment = Segment(path.stem, 0, config(), audio=True)
    data = segment.header
    for number in range(seconds * 25):
        if number % 250 == 0 or number % 25 == 13:
            data += segment.cut()
        key = number % 250 == 0
        segment.picture(number / 25, picture(0 if key else 1 + number % 24), key=key)
        for half in range(2):
            segment.sound((number * 2 + half) * 960, opus(number * 2 + half), 960)
    path.write_bytes(data + segment.cut())
    return path


def answer(state: str = "recording", **changes: Any) -> dict[str, Any]:
    """What the relay says of the recording."""
    segment = {
        "name": NAME, "container": "mp4", "start_s": 0.0, "duration_s": 60.0, "bytes": 1,
        "width": 320, "height": 240, "gaps": [],
    }  # fmt: skip
    source = {
        "source": "camera", "stem": "01-camera", "segments": [segment], "files": [],
        "thumbnails": [], "joined": 0,
    }  # fmt: skip
    told = {
        "id": "english", "state": state, "started_at": "2026-11-23T08:19:40+08:00",
        "ended_at": None, "deleted_at": None, "disk_full": False, "failure": None,
        "sources": [source],
    }  # fmt: skip
    return told | changes
