"""From the settings file to what `app.serve` is told."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from ipaddress import ip_address
from pathlib import Path

import structlog

from ..app import ServeSettings
from ..config import Settings, load_settings
from ..coordinator.library import LibraryOptions
from ..coordinator.push_files import LineOptions
from ..coordinator.reports import ReportOptions
from ..domain.ids import SchoolId
from ..domain.lesson import LessonRules
from ..domain.library import Limits
from ..domain.national_days import parse_national_days
from ..domain.problems import ProblemError
from ..domain.report import Target
from ..domain.retention import Retention
from ..domain.roster import NationalDay
from ..domain.school_lines import Line, Lines, parse_hours
from ..exchange.national_days import NationalTables
from ..setting_tables import ProgrammeSettings, split_address
from .relay_settings import ingest_sources, relay_settings
from .tls import certificate_files, local_names

log = structlog.get_logger(__name__)


def serve_settings(settings: Settings, *, stop_relay: bool = False) -> ServeSettings:
    """The coordinator's part, with the relay's inside."""
    host, port = split_address(settings.server.listen)
    return ServeSettings(
        host=host,
        port=port,
        public_url=settings.server.public_url or own_url(settings),
        relay_url=settings.relay.public_url,
        tls=certificate_files(settings),
        data_dir=Path(settings.server.data_dir),
        database_url=settings.store.url,
        redis_url=settings.store.redis_url,
        relay=relay_settings(settings),
        spawn_relay=settings.relay.spawn,
        relay_authority=_authority(settings),
        rules=LessonRules(
            lead_s=settings.lesson.lead_s,
            grace_s=settings.lesson.grace_s,
            extension_s=settings.lesson.extension_s,
            host_gone_s=settings.lesson.host_gone_s,
        ),
        setup_gap_s=settings.lesson.setup_gap_s,
        ingests=ingest_sources(settings),
        national=NationalTables(_own_days(settings.programme.calendar)),
        sweep_s=settings.lesson.sweep_s,
        zone=settings.programme.timezone,
        trusted_proxies=tuple(settings.server.trusted_proxies),
        record_lessons=settings.recording.lessons,
        reports=report_options(settings),
        library=library_options(settings),
        library_folder=library_folder(settings),
        push_lines=push_lines(settings),
        retention=Retention(**settings.retention.model_dump()),
        report_fonts=tuple(settings.reports.fonts),
        stop_relay=stop_relay,
        log_level=settings.log.level,
    )


def local_settings(folder: Path, port: int) -> Settings:
    """Settings for this machine only, for demos: files in `folder`, pages on `port`, the relay on
    the next two, SQLite and no Redis."""
    base = load_settings()
    return base.model_copy(
        update={
            "server": base.server.model_copy(
                update={"listen": f"127.0.0.1:{port}", "data_dir": str(folder), "public_url": ""}
            ),
            "store": base.store.model_copy(update={"url": "", "redis_url": ""}),
            "relay": base.relay.model_copy(
                update={
                    "http": f"127.0.0.1:{port + 1}",
                    "media": f"0.0.0.0:{port + 2}",
                    "public_url": "",
                    "spawn": True,
                    "control": "",
                }
            ),
        }
    )


def report_options(settings: Settings) -> ReportOptions:
    """How reports are made."""
    scheduled = settings.reports.scheduled
    return ReportOptions(
        programme=settings.programme.name,
        keep=settings.reports.keep,
        keep_days=settings.retention.report_days,
        scheduled=None if scheduled == "none" else scheduled,
        targets=tuple(
            Target(date.fromisoformat(day), count)
            for day, count in sorted(settings.programme.targets.items())
        ),
    )


def push_lines(settings: Settings) -> LineOptions:
    """When, how fast and how much terminals fetch."""
    push = settings.push
    lines = Lines(
        Line(tuple(map(parse_hours, push.quiet_hours)), push.rate_kbps),
        {SchoolId(s): tuple(map(parse_hours, h)) for s, h in push.school_quiet_hours.items()},
        {SchoolId(s): kbps for s, kbps in push.school_rate_kbps.items()},
        {SchoolId(s): cache for s, cache in push.school_caches.items()},
    )
    return LineOptions(lines, push.terminal_quota_mb * 1_000_000)


def library_options(settings: Settings) -> LibraryOptions:
    """How much the resource library takes, and who looks for viruses."""
    library = settings.library
    limits = Limits(
        library.max_file_mb * 1_000_000,
        library.max_total_mb * 1_000_000,
        library.min_free_mb * 1_000_000,
    )
    return LibraryOptions(limits, tuple(library.scan_command))


def library_folder(settings: Settings) -> Path:
    """Where the resource library's files are."""
    folder = settings.library.folder
    return (Path(folder) if folder else Path(settings.server.data_dir) / "library").absolute()


def _own_days(name: str) -> Mapping[date, NationalDay | None]:
    """The bureau's own days off and make-up days; none if there is no such file."""
    path = Path(name)
    if not path.exists():
        # The file is a wish; but whoever named another place than usual means one that is there.
        if name != ProgrammeSettings().calendar:
            log.warning("calendar.absent", file=name)
        return {}
    try:
        return parse_national_days(tomllib.loads(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValueError) as error:
        raise ProblemError(
            "calendar_invalid",
            f"放假调休文件 {name} 无法使用：{error}。请改正，或改 programme.calendar。",
            f"The file of days off and make-up days {name} cannot be used: {error}. Correct it, or"
            " change programme.calendar.",
            field="programme.calendar",
            value=name,
        ) from error


def _authority(settings: Settings) -> Path | None:
    """Whom to ask whether the relay's certificate is right; None: the system's authorities."""
    if settings.relay.control_ca:
        return Path(settings.relay.control_ca)
    made = Path(settings.server.data_dir) / "tls" / "ca.pem"
    return made if made.exists() else None


def own_url(settings: Settings) -> str:
    """How other machines reach the pages when no one has said: by our address on the network.

    Empty for an address that names one machine already; `serve` then uses that.
    """
    host, port = split_address(settings.server.listen)
    try:
        wildcard = ip_address(host).is_unspecified
    except ValueError:
        return ""
    if not wildcard or not port:
        return ""
    addresses = [n for n in local_names() if n[0].isdigit() and not n.startswith("127.")]
    scheme = "https" if certificate_files(settings) else "http"
    return f"{scheme}://{addresses[0] if addresses else 'localhost'}:{port}"
