"""From the settings file to what the relay is told."""

from __future__ import annotations

from pathlib import Path

from ..config import Settings
from ..domain.ids import ClassroomId
from ..domain.ingest import IngestKind, parse_ingest
from ..domain.problems import ProblemError
from ..relay.settings import Listen, RelaySettings
from ..setting_tables import split_address
from .tls import certificate_files


def relay_settings(settings: Settings) -> RelaySettings:
    """The relay's part."""
    relay, rtmp, recording = settings.relay, settings.ingest.rtmp, settings.recording
    files = certificate_files(settings)
    control = control_of(settings)
    return RelaySettings(
        relay=relay.id,
        control=control,
        control_tls=relay.control.startswith("https://"),
        control_secret=relay.control_secret if isinstance(control, Listen) else "",
        media=Listen(*split_address(relay.media)),
        http=Listen(*split_address(relay.http)),
        media_tcp=relay.media_tcp,
        turn_urls=tuple(relay.turn_urls),
        turn_secret=relay.turn_secret,
        advertised=tuple(relay.advertised),
        tls_certificate=files[0] if files else None,
        tls_key=files[1] if files else None,
        max_sessions=relay.max_sessions,
        max_rooms=relay.max_rooms,
        max_load=relay.max_load,
        batch_window_ms=relay.batch_window_ms,
        fanout=relay.fanout,
        max_bitrate_kbps=relay.max_bitrate_kbps,
        journal_max_mb=relay.journal_max_mb,
        ingest_folder=Path(settings.ingest.folder).absolute() if settings.ingest.folder else None,
        ingest_rtmp=Listen(*split_address(rtmp)) if rtmp else None,
        recording_dir=recordings_folder(settings),
        recording_min_free_mb=recording.min_free_mb,
        recording_max_mb=recording.max_total_mb,
        recording_keep_days=settings.retention.media_days,
    )


def recordings_folder(settings: Settings) -> Path:
    """Where recordings are kept."""
    folder = settings.recording.folder
    return (Path(folder) if folder else Path(settings.server.data_dir) / "recordings").absolute()


def control_of(settings: Settings) -> Path | Listen:
    """Where relay and coordinator meet: by default a socket in the data folder."""
    scheme, found, address = settings.relay.control.partition("://")
    if found:
        return Listen(*split_address(address))
    return Path(scheme or Path(settings.server.data_dir) / "relay" / "control.sock").absolute()


def ingest_sources(settings: Settings) -> dict[ClassroomId, str]:
    """Recording hosts by classroom, each checked; ProblemError without any secret in it.

    They are checked here and not by the settings' models, whose refusals repeat the value.
    """
    found: dict[ClassroomId, str] = {}
    for classroom, text in settings.ingest.sources.items():
        field = f"ingest.sources.{classroom}"
        source = parse_ingest(text, field=field)
        if source.kind is IngestKind.FILE and not settings.ingest.folder:
            raise ProblemError(
                "ingest_folder",
                f"{field} 是文件，但没有设置 ingest.folder。请设置文件所在的目录。",
                f"{field} is a file, but ingest.folder is not set. Set the folder it is in.",
                field="ingest.folder",
            )
        found[ClassroomId(classroom)] = source.url
    keys = [text for text in found.values() if text.startswith("push:")]
    if len(set(keys)) < len(keys):
        raise ProblemError(
            "ingest_key_twice",
            "ingest.sources 中有两间教室用了同一个推流码。请给每间教室不同的推流码。",
            "Two classrooms of ingest.sources share a stream key. Give each its own.",
            field="ingest.sources",
        )
    return found
