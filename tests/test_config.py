"""Settings: every one documented, every bad one named."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from sync_classroom.config import ENV_PREFIX, Settings, load_settings
from sync_classroom.domain.problems import ProblemError

ROOT = Path(__file__).parent.parent


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return path


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
    """A default as TOML: text, yes or no, number, list of texts, or a table on one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, dict) and value:
        return "{ " + ", ".join(f"{_toml(k)} = {_toml(v)}" for k, v in value.items()) + " }"
    return str(value)


def test_reference_file_is_what_the_models_say() -> None:
    assert (ROOT / "config/sync_classroom.toml").read_text("utf-8") == render_reference()


def test_reference_file_holds_exactly_the_defaults() -> None:
    data = tomllib.loads(render_reference())
    assert Settings(**data) == Settings()


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("[server]\nlissten = '1.2.3.4:80'\n", "server.lissten", "1.2.3.4:80"),
        ("[server]\nlisten = 'nowhere'\n", "server.listen", "nowhere"),
        ("[server]\nlisten = '0.0.0.0:70000'\n", "server.listen", "70000"),
        ("[lesson]\nlead_s = 5\n", "lesson.lead_s", "5"),
        ("[lesson]\nlead_s = 'soon'\n", "lesson.lead_s", "soon"),
        ("[programme]\ntimezone = 'Mars/Olympus'\n", "programme.timezone", "Mars/Olympus"),
        ("[relay]\nadvertised = ['10.0.0']\n", "relay.advertised", "10.0.0"),
        ("[relay]\nadvertised = '10.0.0.1'\n", "relay.advertised", "10.0.0.1"),
        ("[relay]\nadvertised = [5]\n", "relay.advertised.0", "5"),
        ("[relay]\nid = 5\n", "relay.id", "5"),
        ("[relay]\nmax_sessions = 0\n", "relay.max_sessions", "0"),
        ("[relay]\nmax_sessions = 1.5\n", "relay.max_sessions", "1.5"),
        ("[relay]\nbatch_window_ms = 'x'\n", "relay.batch_window_ms", "x"),
        ("[relay]\nbatch_window_ms = 21\n", "relay.batch_window_ms", "21"),
        ("[relay]\nspawn = 'perhaps'\n", "relay.spawn", "perhaps"),
        ("[relay]\nspawn = [1]\n", "relay.spawn", "1"),
        ("[relay]\ncontrol = 'ftp://x:1'\n", "relay.control", "ftp://x:1"),
        ("[relay]\ncontrol = 'https://x'\n", "relay.control", "https://x"),
        ("[relay]\ncontrol = 'http://10.0.0.1:1'\n", "relay.control", "http://10.0.0.1:1"),
        ("[relay]\ncontrol = 'http://[::1]:1'\n", "relay.spawn", "True"),
        ("[log]\nlevel = 'loud'\n", "log.level", "loud"),
        ("[log]\nformat = 3\n", "log.format", "3"),
        ("relay = 5\n", "relay", "5"),
        ("[nonsense]\na = 1\n", "nonsense", "1"),
    ],
)
def test_bad_setting_is_refused_naming_key_and_value(
    tmp_path: Path, text: str, key: str, value: str
) -> None:
    with pytest.raises(ProblemError) as caught:
        load_settings(_file(tmp_path, text))
    for sentence in (caught.value.zh, caught.value.en):
        assert key in sentence
        assert value in sentence
    # The Chinese sentence is Chinese to its end: no English reason is pasted into it.
    assert "nput should" not in caught.value.zh
    assert not re.search(r"[a-z]{2,} [a-z]{2,} [a-z]{2,}", caught.value.zh), caught.value.zh
    assert not re.search(r"[一-鿿]", caught.value.en.replace(value, "")), caught.value.en


def test_secret_of_an_address_must_be_long_and_is_never_shown(tmp_path: Path) -> None:
    text = "[relay]\nspawn = false\ncontrol = 'https://10.0.0.1:8091'\ncontrol_secret = '{}'\n"
    with pytest.raises(ProblemError) as caught:
        load_settings(_file(tmp_path, text.format("hunter2-hunter2")))
    assert caught.value.field == "relay.control_secret"
    for shown in (caught.value.zh, caught.value.en, str(caught.value.value)):
        assert "hunter2" not in shown
    settings = load_settings(_file(tmp_path, text.format("hunter2-hunter2-")))
    assert settings.relay.control_secret == "hunter2-hunter2-"


def test_environment_variable_that_is_no_list_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNC_CLASSROOM_SERVER__TRUSTED_PROXIES", '["127.0.0.1"]')
    monkeypatch.setenv("SYNC_CLASSROOM_RELAY__ADVERTISED", "10.0.0.1")
    with pytest.raises(ProblemError) as caught:
        load_settings(_file(tmp_path, ""))
    for sentence in (caught.value.zh, caught.value.en):
        assert "SYNC_CLASSROOM_RELAY__ADVERTISED" in sentence
        assert '["192.0.2.10"]' in sentence
    monkeypatch.setenv("SYNC_CLASSROOM_RELAY__ADVERTISED", '["10.0.0.1"]')
    assert load_settings(_file(tmp_path, "")).relay.advertised == ["10.0.0.1"]


def test_file_that_is_not_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match="line 2") as caught:
        load_settings(_file(tmp_path, "[server]\nlisten = \n"))
    assert caught.value.code == "settings_not_toml"


def test_named_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match=r"absent\.toml") as caught:
        load_settings(tmp_path / "absent.toml")
    assert caught.value.code == "settings_unreadable"


def test_environment_overrides_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNC_CLASSROOM_LESSON__LEAD_S", "900")
    settings = load_settings(_file(tmp_path, "[lesson]\nlead_s = 300\ngrace_s = 60\n"))
    assert (settings.lesson.lead_s, settings.lesson.grace_s) == (900, 60)


def test_environment_variable_that_names_no_setting_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNC_CLASSROOM_LESSON__LEED_S", "900")
    with pytest.raises(ProblemError, match="SYNC_CLASSROOM_LESSON__LEED_S"):
        load_settings(_file(tmp_path, ""))


if __name__ == "__main__":
    (ROOT / "config/sync_classroom.toml").write_text(render_reference(), encoding="utf-8")
