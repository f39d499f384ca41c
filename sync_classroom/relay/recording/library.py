"""The folder of recordings: one folder each, with a manifest that always tells the truth.

A manifest is replaced, never written over, so a killed process leaves the old or the new one. Only
the relay that holds the lock writes here. Media are deleted by age; the manifest stays and says so.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from ..tokens import is_name

SCHEMA: Final = "sync-classroom/recording/1"
MANIFEST: Final = "manifest.json"
#: A day of lessons with every file and gap named; more is not a manifest of ours.
MAX_MANIFEST_BYTES: Final = 8 * 1024 * 1024


class State(StrEnum):
    """Where a recording is. A full disk is told beside it, since it may be so in any of these."""

    RECORDING = "recording"
    FINISHING = "finishing"
    """Stopped; its files are about to be joined, measured and hashed."""
    SAVED = "saved"
    DELETED = "deleted"
    """Its media were deleted by age; what it was is kept."""


TRANSITIONS: Final[Mapping[State, frozenset[State]]] = {
    State.RECORDING: frozenset({State.FINISHING}),
    State.FINISHING: frozenset({State.RECORDING, State.SAVED}),
    State.SAVED: frozenset({State.RECORDING, State.DELETED}),
    State.DELETED: frozenset(),
}


@dataclass(slots=True)
class SourceFiles:
    """One source's part of a recording.

    `segments` are the files as recorded (see `SegmentInfo`), `files` what they were joined to:
    `{"name", "container", "start_s", "duration_s", "bytes", "sha256", "width", "height", "video",
    "audio"}`. `joined` counts the segments that are in `files`. `thumbnails` are JPEG files.
    """

    source: str
    stem: str
    segments: list[dict[str, Any]] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)
    thumbnails: list[str] = field(default_factory=list)
    joined: int = 0


@dataclass(slots=True)
class Manifest:
    """Everything known of one recording. Instants are aware UTC in ISO 8601.

    `lost_packets` is what was left out because the disk was too slow; `failure` why joining failed.
    """

    id: str
    room: str
    relay: str
    started_at: str
    state: State = State.RECORDING
    ended_at: str | None = None
    disk_full: bool = False
    deleted_at: str | None = None
    lost_packets: int = 0
    failure: str | None = None
    tries: int = 0
    sources: list[SourceFiles] = field(default_factory=list)

    def move(self, state: State) -> None:
        """Go to another state; ValueError if there is no such way."""
        if state is not self.state and state not in TRANSITIONS[self.state]:
            raise ValueError(f"a recording that is {self.state} cannot become {state}")
        self.state = state

    def source(self, name: str) -> SourceFiles:
        """The part of a source, made at its first mention."""
        for found in self.sources:
            if found.source == name:
                return found
        made = SourceFiles(name, f"{len(self.sources) + 1:02d}-{name.replace(':', '-')}")
        self.sources.append(made)
        return made

    def to_json(self) -> dict[str, Any]:
        """As it stands in the file and in answers."""
        return {"schema": SCHEMA, **asdict(self)}


def parse_manifest(text: str | bytes) -> Manifest:
    """The reverse of `to_json`; ValueError for anything else."""
    value = json.loads(text)
    if not isinstance(value, dict) or value.pop("schema", None) != SCHEMA:
        raise ValueError("not a recording's manifest")
    try:
        sources = [SourceFiles(**source) for source in value.pop("sources")]
        found = Manifest(sources=sources, **(value | {"state": State(value["state"])}))
        datetime.fromisoformat(found.started_at)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"a manifest without its fields: {error!r}") from error
    return found


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest in one step. Raises OSError."""
    path = folder / MANIFEST
    partial = folder / f"{MANIFEST}.part"
    with partial.open("w", encoding="utf-8") as file:
        json.dump(manifest.to_json(), file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def read_manifest(folder: Path) -> Manifest:
    """Raises OSError or ValueError."""
    path = folder / MANIFEST
    if path.stat().st_size > MAX_MANIFEST_BYTES:
        raise ValueError(f"{path} is too long for a manifest")
    return parse_manifest(path.read_bytes())


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be kept: `min_free_bytes` on the disk, `max_bytes` of ours (0: any), and for how
    many days after its end (0: for ever)."""

    min_free_bytes: int
    max_bytes: int
    keep_days: int


class Library:
    """One folder of recordings. Every method may raise OSError; call them in the writing thread."""

    def __init__(self, root: Path, limits: Limits) -> None:
        self.root = root
        self.limits = limits
        self._lock: int | None = None
        self._sizes: dict[str, int] = {}
        self.states: dict[str, State] = {}

    # ------------------------------------------------------------------ life

    def open(self) -> None:
        """Make and lock the folder; see what is there. BlockingIOError if another relay uses it."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o750)
        descriptor = os.open(self.root / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise
        self._lock = descriptor
        for folder in self.folders():
            with contextlib.suppress(OSError, ValueError):
                manifest = read_manifest(folder)
                self.states[manifest.id] = manifest.state
                self._sizes[manifest.id] = _size(folder)

    def close(self) -> None:
        """Let the folder go."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def folders(self) -> Iterator[Path]:
        """The folder of every recording."""
        for path in sorted(self.root.iterdir()):
            if is_name(path.name) and (path / MANIFEST).is_file():
                yield path

    def folder(self, recording: str) -> Path:
        """Where a recording is or will be; ValueError for what cannot name one."""
        if not is_name(recording):
            raise ValueError(f"{recording[:40]!r} cannot name a recording")
        return self.root / recording

    def load(self, recording: str) -> Manifest | None:
        """Its manifest, or None if there is no such recording. ValueError for a damaged one."""
        try:
            return read_manifest(self.folder(recording))
        except FileNotFoundError:
            return None

    def save(self, manifest: Manifest) -> None:
        """Write its manifest."""
        folder = self.folder(manifest.id)
        folder.mkdir(exist_ok=True, mode=0o750)
        write_manifest(folder, manifest)
        self.states[manifest.id] = manifest.state

    def last_written(self, recording: str) -> datetime:
        """When anything of a recording was last written."""
        paths = [path for path in self.folder(recording).iterdir() if path.name != MANIFEST]
        times = [path.stat().st_mtime for path in paths]
        return datetime.fromtimestamp(max(times, default=0.0), UTC)

    def measure(self, recording: str) -> None:
        """Take note of how much a recording takes now."""
        self._sizes[recording] = _size(self.folder(recording))

    # ------------------------------------------------------------------ space

    @property
    def used_bytes(self) -> int:
        """What all recordings take, as far as they were measured."""
        return sum(self._sizes.values())

    @property
    def free_bytes(self) -> int:
        """What is left on the disk for us."""
        return shutil.disk_usage(self.root).free

    def room(self, *, growing: int = 0, spare: int = 0) -> bool:
        """Whether recordings may go on, `growing` bytes being not yet measured.

        `spare` more must be free to begin again, so that it does not go on and off.
        """
        limits = self.limits
        if self.free_bytes < limits.min_free_bytes + spare:
            return False
        return not limits.max_bytes or self.used_bytes + growing + spare < limits.max_bytes

    def expire(self, now: datetime) -> list[str]:
        """Delete the media of saved recordings that ended too long ago; their ids."""
        if not self.limits.keep_days:
            return []
        before = now - timedelta(days=self.limits.keep_days)
        gone = []
        for folder in list(self.folders()):
            if self.states.get(folder.name) is not State.SAVED:
                continue
            with contextlib.suppress(ValueError):
                manifest = read_manifest(folder)
                ended = datetime.fromisoformat(manifest.ended_at or manifest.started_at)
                if manifest.state is State.SAVED and ended < before:
                    self._delete(folder, manifest, now)
                    gone.append(manifest.id)
        return gone

    def _delete(self, folder: Path, manifest: Manifest, now: datetime) -> None:
        # Said first: a recording that says it is there must be there.
        manifest.move(State.DELETED)
        manifest.deleted_at = now.astimezone(UTC).isoformat(timespec="seconds")
        self.save(manifest)
        for path in folder.iterdir():
            if path.name != MANIFEST:
                path.unlink(missing_ok=True)
        self.measure(manifest.id)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
