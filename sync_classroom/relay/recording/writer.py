"""What the recording thread does: takes of all sources, their files, manifests, and the disk's end.

Nothing here is called from the loop. A disk that is full stops recording and nothing else: at
`min_free_bytes` before its end, so that the journal, which is evidence, still has room.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import structlog

from ..rtp import Packet
from ..session import Codec
from .library import Library, Manifest, State
from .segment import SegmentInfo
from .take import Anchor, Take

log = structlog.get_logger(__name__)

SPARE_BYTES: Final = 256 * 1024 * 1024
"""Room that must be there again before recording goes on: minutes, not seconds."""


class FileSink:
    """`Sink` of a take: files in the recording's folder, named in its manifest.

    A write that fails half-way is taken back, so a file ends with a whole fragment.
    """

    def __init__(
        self, folder: Path, manifest: Manifest, source: str, save: Callable[[], None]
    ) -> None:
        self._folder = folder
        self._save = save
        self._files = manifest.source(source)
        self._descriptor: int | None = None
        self._good = 0
        self._info: SegmentInfo | None = None
        self.bytes = 0
        self.changed = False

    @property
    def stem(self) -> str:
        """What the files of this source begin with."""
        return self._files.stem

    @property
    def number(self) -> int:
        """How many files there were."""
        return len(self._files.segments)

    def open(self, info: SegmentInfo) -> None:
        """See `Sink`."""
        self._info = info
        self._files.segments.append({})
        self.note()
        # Named before it is there: after a crash its name must not be given to another.
        self._save()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(self._folder / info.name, flags, 0o640)
        self._good = 0

    def write(self, data: bytes) -> None:
        """See `Sink`."""
        assert self._descriptor is not None
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError:
            os.ftruncate(self._descriptor, self._good)
            raise
        self._good += len(data)
        self.bytes += len(data)

    def close(self) -> None:
        """See `Sink`."""
        self.note()
        descriptor, self._descriptor, self._info = self._descriptor, None, None
        if descriptor is not None:
            try:
                os.fdatasync(descriptor)
            finally:
                os.close(descriptor)

    def note(self) -> None:
        """Bring the manifest's entry of the present file up to date."""
        if self._info is not None:
            info = self._info
            self._files.segments[-1] = {name: getattr(info, name) for name in info.__slots__}
            self.changed = True


class Writer:
    """One recording in progress."""

    def __init__(self, library: Library, manifest: Manifest, zero_s: float) -> None:
        self._library = library
        self.manifest = manifest
        self._zero_s = zero_s
        self._takes: dict[str, tuple[Take, FileSink]] = {}

    def take(self, source: str) -> Take:
        """The take of a source."""
        found = self._takes.get(source)
        if found is None:
            sink = FileSink(
                self._library.folder(self.manifest.id),
                self.manifest,
                source,
                lambda: self._library.save(self.manifest),
            )
            take = Take(sink, stem=sink.stem, zero_s=self._zero_s, number=sink.number)
            found = self._takes[source] = (take, sink)
        return found[0]

    def join(self, source: str, kinds: frozenset[str]) -> None:
        """A publisher of a source is here, and has these kinds."""
        self.take(source).tracks(audio="audio" in kinds, video="video" in kinds)

    def packets(
        self, source: str, kind: str, codec: Codec, anchor: Anchor, packets: Sequence[Packet]
    ) -> None:
        """Packets of a source; forgotten while the disk is full."""
        if not self.manifest.disk_full:
            self.take(source).packets(kind, codec, anchor, packets)

    def restart(self, source: str, kind: str) -> None:
        """A kind of a source begins anew."""
        self._guarded(source, lambda take: take.restart(kind))

    def gone(self, source: str, now: float) -> None:
        """A source's publisher left."""
        if source in self._takes:
            self._guarded(source, lambda take: take.finish(now))

    def advance(self, now: float) -> None:
        """Write what is complete; tell the manifest of new and closed files."""
        if not self.manifest.disk_full:
            for source in self._takes:
                self._guarded(source, lambda take: take.advance(now))
        self.note()

    def stop(self, now: float, at: datetime) -> None:
        """The recording is over: close everything."""
        for source in list(self._takes):
            self.gone(source, now)
        self.manifest.move(State.FINISHING)
        self.manifest.ended_at = _instant(at)
        self._library.save(self.manifest)
        self._library.measure(self.manifest.id)

    def pause(self, now: float) -> None:
        """The disk is full: close what can be closed, and say so."""
        log.error("recording_stopped_disk_full", recording=self.manifest.id)
        for source in self._takes:
            self.gone(source, now)
        self.manifest.disk_full = True
        self._save()

    def resume(self) -> None:
        """There is room again."""
        log.info("recording_goes_on", recording=self.manifest.id)
        self.manifest.disk_full = False
        self._save()

    @property
    def growing(self) -> int:
        """Bytes written since this began."""
        return sum(sink.bytes for _, sink in self._takes.values())

    def keyframes_wanted(self, now: float) -> frozenset[str]:
        """Sources whose pictures need a keyframe, or that had none for long."""
        if self.manifest.disk_full:
            return frozenset()
        return frozenset(
            name for name, (take, _) in list(self._takes.items()) if take.wants_key(now)
        )

    def status(self) -> Mapping[str, Any]:
        """The manifest with files being written as they are now."""
        for _, sink in self._takes.values():
            sink.note()
        return self.manifest.to_json()

    def note(self) -> None:
        """Write the manifest if a file began or ended."""
        if any(sink.changed for _, sink in self._takes.values()):
            for _, sink in self._takes.values():
                sink.changed = False
            self._save()

    def _guarded(self, source: str, do: Callable[[Take], None]) -> None:
        """Whatever the disk refuses ends the file, never the recording thread."""
        take = self.take(source)
        sink = self._takes[source][1]
        try:
            do(take)
        except OSError as error:
            log.error("recording_failed", recording=self.manifest.id, error=str(error))
            take.abandon()
            try:
                sink.close()
            except OSError as again:
                log.warning("recording_not_closed", error=str(again))
            self.manifest.disk_full = True

    def _save(self) -> None:
        try:
            self._library.save(self.manifest)
        except OSError as error:  # tried again with the next file, and at the end
            log.error("manifest_not_written", recording=self.manifest.id, error=str(error))


def begin(
    library: Library, recording: str, room: str, *, relay: str, now: float, at: datetime
) -> Writer:
    """A new recording, or an old one that goes on after a stop or a crash.

    Raises ValueError `room`, `deleted` for one that is not of this room or whose media are gone.
    """
    manifest = library.load(recording)
    if manifest is None:
        manifest = Manifest(recording, room, relay, _instant(at))
    elif manifest.room != room:
        raise ValueError("room")
    elif manifest.state is State.DELETED:
        raise ValueError("deleted")
    manifest.move(State.RECORDING)
    manifest.ended_at, manifest.disk_full, manifest.relay = None, False, relay
    manifest.failure, manifest.tries = None, 0
    library.save(manifest)
    since_s = (at - datetime.fromisoformat(manifest.started_at)).total_seconds()
    return Writer(library, manifest, now - max(0.0, since_s))


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
