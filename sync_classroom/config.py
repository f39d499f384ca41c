"""Every setting: its default, its unit, its sentence. Read from TOML, overridden by environment.

`config/sync_classroom.toml` is written from these models (a test compares the two), so a sentence
is changed here and nowhere else.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from .domain.problems import ProblemError
from .domain.turn import check_turn

ENV_PREFIX: Final = "SYNC_CLASSROOM_"
DEFAULT_FILE: Final = Path("config/sync_classroom.toml")


def _address(text: str) -> str:
    """Check `host:port` (an IPv6 host in brackets) and return it."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise ValueError("must be ADDRESS:PORT, such as 0.0.0.0:8080 or [::]:8080")
    return text


def split_address(text: str) -> tuple[str, int]:
    """`host:port` as a pair; brackets around an IPv6 host are taken off."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError("must be a time zone name such as Asia/Shanghai") from None
    return text


def _ips(texts: list[str]) -> list[str]:
    for text in texts:
        ip_address(text)
    return texts


Address = Annotated[str, AfterValidator(_address)]


class Section(BaseModel):
    """A table of the settings file; an unknown key is an error, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ProgrammeSettings(Section):
    """The assistance programme."""

    name: str = Field("太仓市信息化同步课堂帮扶", description="Shown in page titles and reports.")
    timezone: Annotated[str, AfterValidator(_zone)] = Field(
        "Asia/Shanghai", description="Zone of every civil date and clock time."
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
    advertised: Annotated[list[str], AfterValidator(_ips)] = Field(
        default_factory=list,
        description="IP addresses told to terminals; empty: those of this machine's interfaces.",
    )
    max_sessions: int = Field(
        600, ge=1, le=20000, description="Publishing and receiving sessions at once (count)."
    )
    max_rooms: int = Field(200, ge=1, le=5000, description="Lessons at once (count).")
    batch_window_ms: float = Field(
        2.0,
        ge=0,
        le=20,
        description="How long packets may wait for others, milliseconds; 0: never.",
    )
    fanout: Literal["auto", "kernel", "python"] = Field(
        "auto",
        description="What forwards: kernel (C) or python; auto: the kernel where it was built.",
    )
    max_bitrate_kbps: int = Field(
        2500, ge=100, le=20000, description="Bit rate asked of a publisher, kbit/s."
    )
    journal_max_mb: int = Field(
        512, ge=1, le=100000, description="Disk the unconfirmed journal may take, MB."
    )

    @model_validator(mode="after")
    def _turn(self) -> Self:
        check_turn(self.turn_urls, self.turn_secret)
        return self


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

    level: str = Field(
        "info", pattern="^(debug|info|warning|error)$", description="Least level logged."
    )
    format: str = Field(
        "text", pattern="^(text|json)$", description="Lines for people or for programs."
    )


class Settings(BaseSettings):
    """The whole settings file."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix=ENV_PREFIX, env_nested_delimiter="__"
    )

    programme: ProgrammeSettings = Field(default_factory=ProgrammeSettings)
    server: ServerSettings = Field(default_factory=ServerSettings)
    store: StoreSettings = Field(default_factory=StoreSettings)
    relay: RelayTableSettings = Field(default_factory=RelayTableSettings)
    lesson: LessonSettings = Field(default_factory=LessonSettings)
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
    reason = first["msg"].removeprefix("Value error, ")
    if isinstance(value, Mapping):  # a whole table is at fault; it may hold secrets
        return ProblemError(
            "setting_invalid",
            f"{where}：表 [{key}] 的设置不能这样组合：{reason}。",
            f"{where}: the settings of [{key}] do not go together: {reason}.",
            field=key,
        )
    return ProblemError(
        "setting_invalid",
        f"{where}：设置 {key} 的值 {value!r} 无效：{reason}。",
        f"{where}: setting {key} = {value!r} is not valid: {reason}.",
        field=key,
        value=value,
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


def render_reference() -> str:
    """The settings file with every default, unit and sentence, as TOML."""
    lines = [
        "# Settings of sync_classroom. Every value below is the default.",
        f"# Any of them can be set by environment: {ENV_PREFIX}SERVER__LISTEN=0.0.0.0:8443",
        "",
    ]
    defaults = Settings.model_construct()
    for table, field in Settings.model_fields.items():
        section = field.annotation
        assert section is not None
        lines += [f"[{table}]  # {(section.__doc__ or '').strip()}"]
        values = getattr(defaults, table)
        for key, info in section.model_fields.items():
            lines += [f"# {info.description}", f"{key} = {_toml(getattr(values, key))}"]
        lines.append("")
    return "\n".join(lines)


def _toml(value: object) -> str:
    """A default as TOML: text, flag, number, or list of texts."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return str(value)
