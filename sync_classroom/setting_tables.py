"""The tables of the settings file: each setting's default, unit, bounds and sentence."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from .setting_values import (
    MIN_SECRET_CHARACTERS,
    InvalidSettingError,
    check_address,
    check_cache,
    check_control,
    check_days,
    check_hours,
    check_ips,
    check_targets,
    check_turn,
    check_zone,
)


def split_address(text: str) -> tuple[str, int]:
    """`host:port` as a pair; brackets around an IPv6 host are taken off."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


Address = Annotated[str, AfterValidator(check_address)]


class Section(BaseModel):
    """A table of the settings file; an unknown key is an error, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ProgrammeSettings(Section):
    """The assistance programme."""

    name: str = Field("太仓市信息化同步课堂帮扶", description="Shown in page titles and reports.")
    timezone: Annotated[str, AfterValidator(check_zone)] = Field(
        "Asia/Shanghai", description="Zone of every civil date and clock time."
    )
    calendar: str = Field(
        "config/calendar.toml",
        description="The bureau's own days off and make-up days over the country's; may be absent.",
    )

    targets: Annotated[dict[str, int], AfterValidator(check_targets)] = Field(
        {"2020-12-31": 16, "2022-12-31": 48},
        description="Remote classrooms to be in commission by a date, as the notice orders.",
    )


class ServerSettings(Section):
    """Pages, API and terminals."""

    listen: Address = Field(
        "127.0.0.1:8080", description="Address and port of pages, API and WebSocket."
    )
    public_url: str = Field(
        "",
        description="How browsers reach the pages, e.g. https://class.example; empty: from listen.",
    )
    tls_certificate: str = Field(
        "",
        description="PEM certificate chain; empty: data_dir/tls if made, else plain HTTP.",
    )
    tls_key: str = Field("", description="PEM private key of the certificate.")
    data_dir: str = Field(
        "var", description="Folder of database, keys, relay journal and certificates."
    )
    trusted_proxies: list[str] = Field(
        default_factory=list,
        description="Reverse proxies (IP addresses) whose X-Forwarded-For and -Proto are believed.",
    )


class StoreSettings(Section):
    """Where plan, facts and accounts are kept."""

    url: str = Field(
        "",
        description="Database: empty for SQLite in data_dir, or postgresql://user:password@host/name.",
    )
    redis_url: str = Field(
        "",
        description="Redis or Valkey URL for several coordinators; empty: one, in process.",
    )


class RelayTableSettings(Section):
    """The media plane."""

    id: str = Field("relay-1", description="Name of this relay in facts; unique in the programme.")
    spawn: bool = Field(
        True,
        description="Whether serve starts the relay and keeps it running; false: another does.",
    )
    control: Annotated[str, AfterValidator(check_control)] = Field(
        "",
        description="Its control: a socket's path, or http(s)://host:port; empty: in data_dir.",
    )
    control_secret: str = Field(
        "",
        description="Shared by relay and coordinators where control is an address; 16 characters.",
    )
    control_ca: str = Field(
        "",
        description="PEM authority of an https control; empty: data_dir/tls if made, or system's.",
    )
    media: Address = Field(
        "0.0.0.0:7700",
        description="Address and port of all media, UDP first; open it in the firewall.",
    )
    media_tcp: bool = Field(
        True,
        description="Also take media by TCP on that port, for firewalls that let no UDP through.",
    )
    http: Address = Field(
        "127.0.0.1:8090",
        description="Address and port of WHIP and WHEP; terminals reach it directly.",
    )
    public_url: str = Field(
        "",
        description="How terminals reach WHIP and WHEP; empty: from http and the page's host name.",
    )
    turn_urls: list[str] = Field(
        default_factory=list,
        description="TURN servers told to terminals, e.g. turn:turn.example:3478?transport=udp.",
    )
    turn_secret: str = Field(
        "",
        repr=False,
        description="Their static-auth-secret (coturn); terminals get passwords made of it.",
    )
    advertised: Annotated[list[str], AfterValidator(check_ips)] = Field(
        default_factory=list,
        description="IP addresses told to terminals; empty: those of this machine's interfaces.",
    )
    max_sessions: int = Field(
        600, ge=1, le=20000, description="Publishing and receiving sessions at once (count)."
    )
    max_rooms: int = Field(200, ge=1, le=5000, description="Lessons at once (count).")
    max_load: float = Field(
        0.85,
        ge=0.1,
        le=1,
        description="Share of one core above which new seats are refused, hosts never; 1: never.",
    )
    batch_window_ms: float = Field(
        2.0,
        ge=0,
        le=20,
        description="How long part of a frame may wait for the rest, milliseconds, twice as long in"
        " a busy relay; 0: never.",
    )
    fanout: Literal["auto", "kernel", "python"] = Field(
        "auto",
        description="What forwards: kernel (C) or python; auto: the kernel where it was built.",
    )
    max_bitrate_kbps: int = Field(
        2500,
        ge=100,
        le=20000,
        description="Bit rate asked of a publisher, kbit/s; of one that sends layers, 1.3 times"
        " that.",
    )
    journal_max_mb: int = Field(
        512, ge=1, le=100000, description="Disk the unconfirmed journal may take, MB."
    )

    @model_validator(mode="after")
    def _controllable(self) -> RelayTableSettings:
        """An address needs a secret, and a relay that is not ours to start."""
        if "://" not in self.control:
            return self
        if self.spawn:
            raise InvalidSettingError(
                "relay.control 写成地址时，relay.spawn 须为 false：serve 自己启动的媒体服务只通过"
                "套接字文件管理",
                "relay.spawn must be false where relay.control is an address: serve minds a relay"
                " of its own by a socket only",
                key="relay.spawn",
                value=self.spawn,
            )
        if len(self.control_secret) < MIN_SECRET_CHARACTERS:
            raise InvalidSettingError(
                "relay.control 写成地址时，relay.control_secret 至少"
                f" {MIN_SECRET_CHARACTERS} 个字符",
                f"relay.control_secret must have {MIN_SECRET_CHARACTERS} characters or more where"
                " relay.control is an address",
                key="relay.control_secret",
                value="*" * len(self.control_secret),
            )
        return self

    @model_validator(mode="after")
    def _relayed(self) -> RelayTableSettings:
        check_turn(self.turn_urls, self.turn_secret)
        return self


class IngestSettings(Section):
    """Recording hosts (录播主机) and files as the camera of a host classroom."""

    sources: dict[str, str] = Field({}, description="Room id = rtsp:…, rtmp:…, push:… or file:….")
    rtmp: Annotated[str, AfterValidator(lambda text: text and check_address(text))] = Field(
        "", description="Address and TCP port hosts push RTMP to, e.g. 0.0.0.0:1935; empty: none."
    )
    folder: str = Field("", description="Folder that file: sources are below; empty: none.")


class RecordingSettings(Section):
    """What is kept of lessons' pictures and sound."""

    lessons: bool = Field(default=True, description="Record lessons unless their page says no.")
    folder: str = Field("", description="Folder of recordings; empty: data_dir/recordings.")
    min_free_mb: int = Field(
        2048, ge=0, le=1000000, description="Recording stops with less of the disk left, MB."
    )
    max_total_mb: int = Field(0, ge=0, description="Recording stops with more in all, MB; 0: any.")


class LibrarySettings(Section):
    """The resource library: what is kept to be pushed to classrooms."""

    folder: str = Field("", description="Folder of its files; empty: data_dir/library.")
    max_file_mb: int = Field(
        5120, ge=1, le=1000000, description="A file larger than this is refused, MB."
    )
    max_total_mb: int = Field(
        204800, ge=0, description="More than this in all is refused, MB; 0: any."
    )
    min_free_mb: int = Field(
        2048, ge=0, le=1000000, description="Nothing is taken with less of the disk left, MB."
    )
    scan_command: list[str] = Field(
        default_factory=list,
        description="Virus scanner, {file} stands for the file: exit code 0 clean, 1 found.",
    )


QuietHours = Annotated[list[str], AfterValidator(check_hours)]
Kbps = Annotated[int, Field(ge=0, le=10_000_000)]
CacheUrl = Annotated[str, AfterValidator(check_cache)]


class PushSettings(Section):
    """How classrooms' terminals fetch what is pushed to them, over lines that lessons need."""

    quiet_hours: QuietHours = Field(
        default_factory=lambda: ["12:00-13:30", "17:00-07:30"],
        description="Terminals fetch by themselves within these hours of a day only; none: never.",
    )
    rate_kbps: Kbps = Field(
        4000,
        description="All terminals of a school together fetch so fast at most, kbit/s; 0: any.",
    )
    school_quiet_hours: dict[str, QuietHours] = Field(
        {}, description='Other hours of single schools, by id: { school-3 = ["18:00-06:00"] }.'
    )
    school_rate_kbps: dict[str, Kbps] = Field(
        {}, description="Another rate of single schools, by id: { school-3 = 1000 }."
    )
    school_caches: dict[str, CacheUrl] = Field(
        {},
        description="Caches inside schools, by id: { school-3 ="
        ' "https://cache.school-3.example:8443" }.',
    )
    terminal_quota_mb: int = Field(
        20000, ge=10, le=1000000, description="Disk that pushes may take on a terminal, MB."
    )


Days = Annotated[int, AfterValidator(check_days)]


class RetentionSettings(Section):
    """What is deleted in time; what figures rest on never is, and /settings/retention shows all."""

    media_days: int = Field(
        180, ge=0, le=36500, description="Recordings' media, days after the lesson; 0: never."
    )
    terminal_days: Days = Field(
        365,
        ge=0,
        le=36500,
        description="Terminals' journals, self-checks, calls, revoked devices, days; 0: never.",
    )
    notice_days: Days = Field(
        365,
        ge=0,
        le=36500,
        description="What classrooms and teachers were told of changes, days after; 0: never.",
    )
    access_log_days: Days = Field(
        1095, ge=0, le=36500, description="Who looked at figures or took them, days; 0: never."
    )
    feed_days: Days = Field(
        90,
        ge=0,
        le=36500,
        description="Calendar feeds, days after they or their maker's account ended; 0: never.",
    )
    report_days: Days = Field(
        365, ge=0, le=36500, description="Files of unpublished reports, days; 0: never."
    )
    document_days: Days = Field(
        365, ge=0, le=36500, description="Documents shown in lessons, days; 0: never."
    )


class ReportSettings(Section):
    """Monthly and term reports."""

    scheduled: Literal["zh", "en", "none"] = Field(
        "zh", description="Language of the reports made by themselves after each month and term."
    )
    fonts: list[str] = Field(
        default_factory=lambda: ["Noto Sans SC", "Source Han Sans SC", "Microsoft YaHei"],
        description="Font families of PDF reports by preference; the first is installed along.",
    )
    keep: int = Field(
        100, ge=1, le=2000, description="Unpublished reports whose files are kept (count)."
    )


class LessonSettings(Section):
    """The life of a lesson."""

    lead_s: int = Field(
        600, ge=60, le=7200, description="Opens this long before its start, seconds."
    )
    grace_s: int = Field(300, ge=0, le=3600, description="Runs on past its end, seconds.")
    extension_s: int = Field(
        300, ge=60, le=3600, description="Added by each press of extend, seconds."
    )
    host_gone_s: int = Field(
        180,
        ge=10,
        le=3600,
        description="Ended when host media is gone so long past the end, seconds.",
    )
    setup_gap_s: int = Field(
        0, ge=0, le=3600, description="Kept free between two uses of a room or person, seconds."
    )
    sweep_s: float = Field(
        5.0,
        ge=0.5,
        le=60,
        description="How often every lesson is checked against the clock, seconds.",
    )


class LogSettings(Section):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least level logged."
    )
    format: Literal["text", "json"] = Field("text", description="Lines for people or for programs.")
