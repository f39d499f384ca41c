"""Every setting: its default, its unit, its sentence. Read from TOML, overridden by environment.

`config/sync_classroom.toml` is written from these models (a test compares the two), so a sentence
is changed here and nowhere else.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from .domain.problems import ProblemError
from .setting_values import (
    MIN_SECRET_CHARACTERS,
    InvalidSettingError,
    check_address,
    check_control,
    check_days,
    check_ips,
    check_targets,
    check_turn,
    check_zone,
)

ENV_PREFIX: Final = "SYNC_CLASSROOM_"
DEFAULT_FILE: Final = Path("config/sync_classroom.toml")


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
        description="How long part of a frame may wait for the rest, milliseconds; 0: never.",
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


class Settings(BaseSettings):
    """The whole settings file."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix=ENV_PREFIX, env_nested_delimiter="__"
    )

    programme: ProgrammeSettings = Field(default_factory=ProgrammeSettings)
    server: ServerSettings = Field(default_factory=ServerSettings)
    store: StoreSettings = Field(default_factory=StoreSettings)
    relay: RelayTableSettings = Field(default_factory=RelayTableSettings)
    ingest: IngestSettings = Field(default_factory=IngestSettings)
    recording: RecordingSettings = Field(default_factory=RecordingSettings)
    lesson: LessonSettings = Field(default_factory=LessonSettings)
    reports: ReportSettings = Field(default_factory=ReportSettings)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    log: LogSettings = Field(default_factory=LogSettings)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment over file; no .env file and no secrets folder are looked for."""
        del settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings


def _unknown_environment() -> str | None:
    """The first environment variable with our prefix that names no setting."""
    known = {
        f"{ENV_PREFIX}{table}__{key}".upper()
        for table, field in Settings.model_fields.items()
        for key in getattr(field.annotation, "model_fields", {})
    } | {f"{ENV_PREFIX}CONFIG"}
    for name in sorted(os.environ):
        if name.upper().startswith(ENV_PREFIX) and name.upper() not in known:
            return name
    return None


def _problem(error: ValidationError, where: str) -> ProblemError:
    """The first fault of a settings file as a sentence with key, value and remedy."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    value: Any = first.get("input")
    if first["type"] == "extra_forbidden":
        return ProblemError(
            "setting_unknown",
            f"{where}：没有名为 {key} 的设置（值 {value!r}）。请改正拼写或删除此行；"
            "全部设置见 config/sync_classroom.toml。",
            f"{where}: there is no setting {key} (value {value!r}). Correct the spelling or remove"
            " it; config/sync_classroom.toml lists every setting.",
            field=key,
            value=value,
        )
    reason = _reason(first["type"], first.get("ctx", {}))
    if reason.key:
        key, value = reason.key, reason.value
    return ProblemError(
        "setting_invalid",
        f"{where}：设置 {key} 的值 {value!r} 无效：{reason.zh}。",
        f"{where}: setting {key} = {value!r} is not valid: {reason.en}.",
        field=key,
        value=value,
    )


#: pydantic's error types that our settings can lead to, by how they begin.
_REASONS: Final = {
    "int": ("应为整数", "must be a whole number"),
    "float": ("应为数字", "must be a number"),
    "finite": ("应为有限的数字", "must be a finite number"),
    "bool": ("应为 true 或 false", "must be true or false"),
    "string": ("应为带引号的文字", "must be text in quotes"),
    "list": ('应为列表，例如 ["192.0.2.10"]', 'must be a list, such as ["192.0.2.10"]'),
    "model": ("应为一个表，其中每行一个设置", "must be a table with a setting a line"),
    "greater_than_equal": ("不能小于 {ge}", "must be {ge} or more"),
    "less_than_equal": ("不能大于 {le}", "must be {le} or less"),
    "literal_error": ("只能是 {expected} 之一", "must be one of {expected}"),
}


def _reason(kind: str, context: Mapping[str, Any]) -> InvalidSettingError:
    """Why a value will not do, in both languages."""
    told = context.get("error")
    if isinstance(told, InvalidSettingError):
        return told
    zh, en = next(words for begins, words in _REASONS.items() if kind.startswith(begins))
    values = {**context, "expected": str(context.get("expected", "")).replace(" or ", ", ")}
    return InvalidSettingError(zh.format(**values), en.format(**values))


def _no_list() -> ProblemError:
    """The environment variable that should hold a list; pydantic-settings names its table only."""
    for name in sorted(os.environ):
        table, _, key = name.upper().removeprefix(ENV_PREFIX).lower().partition("__")
        section = Settings.model_fields.get(table)
        info = getattr(section and section.annotation, "model_fields", {}).get(key)
        if info is None or info.default_factory is not list:
            continue
        try:
            json.loads(os.environ[name])
        except ValueError:
            break
    reason = _reason("list", {})
    return ProblemError(
        "setting_invalid",
        f"环境变量 {name} 的值 {os.environ[name]!r} 无效：{reason.zh}。",
        f"The environment variable {name} = {os.environ[name]!r} is not valid: {reason.en}.",
        field=name,
        value=os.environ[name],
    )


def load_settings(path: Path | None = None) -> Settings:
    """Read settings from `path`, else from the default file if there is one, else the defaults.

    Raises ProblemError naming key, value and remedy; nothing is ever silently ignored.
    """
    chosen = path or (Path(p) if (p := os.environ.get(f"{ENV_PREFIX}CONFIG")) else None)
    explicit = chosen is not None
    chosen = chosen or DEFAULT_FILE
    data: dict[str, Any] = {}
    if explicit or chosen.exists():
        try:
            data = tomllib.loads(chosen.read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise ProblemError(
                "settings_unreadable",
                f"无法读取设置文件 {chosen}：{error}。请检查路径与权限，或用 --config 指定。",
                f"Cannot read the settings file {chosen}: {error}. Check path and permissions,"
                " or name another with --config.",
                value=str(chosen),
            ) from error
        except tomllib.TOMLDecodeError as error:
            raise ProblemError(
                "settings_not_toml",
                f"设置文件 {chosen} 不是有效的 TOML：{error}。请改正该行。",
                f"The settings file {chosen} is not valid TOML: {error}. Correct that line.",
                value=str(chosen),
            ) from error
    if name := _unknown_environment():
        raise ProblemError(
            "setting_unknown",
            f"环境变量 {name} 不对应任何设置（值 {os.environ[name]!r}）。请改正或取消它。",
            f"The environment variable {name} names no setting (value {os.environ[name]!r})."
            " Correct or unset it.",
            field=name,
            value=os.environ[name],
        )
    try:
        return Settings(**data)
    except ValidationError as error:
        raise _problem(error, str(chosen) if data else "environment") from error
    except SettingsError as error:  # a list in the environment that is not JSON
        raise _no_list() from error
