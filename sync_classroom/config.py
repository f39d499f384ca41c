"""Reads the settings from TOML, overridden by environment, and names what is wrong with them.

`config/sync_classroom.toml` is written from the models of `setting_tables` (a test compares the
two), so a sentence is changed there and nowhere else.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from .domain.problems import ProblemError
from .setting_tables import (
    IngestSettings,
    LessonSettings,
    LibrarySettings,
    LogSettings,
    ProgrammeSettings,
    PushSettings,
    RecordingSettings,
    RelayTableSettings,
    ReportSettings,
    RetentionSettings,
    ServerSettings,
    StoreSettings,
)
from .setting_values import InvalidSettingError

ENV_PREFIX: Final = "SYNC_CLASSROOM_"
DEFAULT_FILE: Final = Path("config/sync_classroom.toml")


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
    library: LibrarySettings = Field(default_factory=LibrarySettings)
    push: PushSettings = Field(default_factory=PushSettings)
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
