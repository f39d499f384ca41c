"""Settings: every one documented, every bad one named."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from sync_classroom.config import Settings, load_settings, render_reference, split_address
from sync_classroom.domain.problems import ProblemError

ROOT = Path(__file__).parent.parent


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_reference_file_is_what_the_models_say() -> None:
    assert (ROOT / "config/sync_classroom.toml").read_text("utf-8") == render_reference()


def test_reference_file_holds_exactly_the_defaults() -> None:
    data = tomllib.loads(render_reference())
    assert Settings(**data) == Settings()


def test_every_setting_has_a_sentence() -> None:
    for table, field in Settings.model_fields.items():
        section = field.annotation
        assert section is not None
        for key, info in section.model_fields.items():
            assert info.description, f"{table}.{key}"
            assert info.description.endswith("."), f"{table}.{key}"


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


def test_split_address_takes_brackets_off() -> None:
    assert split_address("[::1]:8080") == ("::1", 8080)
    assert split_address("0.0.0.0:0") == ("0.0.0.0", 0)


def test_turn_servers_without_a_good_secret_are_refused_and_the_secret_is_not_shown(
    tmp_path: Path,
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('[relay]\nturn_urls = ["turn:turn.example"]\nturn_secret = "too short"\n')
    with pytest.raises(ProblemError) as refused:
        load_settings(file)
    assert refused.value.field == "relay"
    assert "turn_urls needs turn_secret" in refused.value.en
    assert "too short" not in f"{refused.value.zh}{refused.value.en}{refused.value.value}"
    file.write_text(f'[relay]\nturn_urls = ["turn:turn.example"]\nturn_secret = "{"s" * 16}"\n')
    settings = load_settings(file)
    assert settings.relay.turn_urls == ["turn:turn.example"]
    assert "s" * 16 not in repr(settings)
