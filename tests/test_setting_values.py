"""Values of settings, each refused with what it should have been; the rest in test_config.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_classroom.config import load_settings
from sync_classroom.domain.problems import ProblemError
from sync_classroom.setting_values import (
    InvalidSettingError,
    check_address,
    check_cache,
    check_control,
    check_days,
    check_hours,
    check_ips,
    check_zone,
)


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (check_address, "[::]:8080", "8080"),
        (check_zone, "Asia/Shanghai", "Beijing"),
        (check_days, 60, 59),
        (check_hours, ["17:00-07:30", "00:00-24:00"], ["17:00-25:00"]),
        (check_hours, [], ["12:00-13:00"] * 13),
        (check_days, 0, 1),
        (check_cache, "https://cache.example:8443", "https://cache.example/files"),
        (check_cache, "http://127.0.0.1:81", "http://cache.example"),
        (check_cache, "https://[2001:db8::1]", "https://me:secret@cache.example"),
        (check_cache, "https://cache.example", "cache.example:8443"),
        (check_cache, "https://cache.example", "https://cache.example:84430"),
        (check_cache, "https://cache.example", "https://cache.example; script-src *"),
        (check_ips, ["192.0.2.1", "2001:db8::1"], ["relay.example"]),
        (check_control, "https://relay.example:8091", "http://relay.example:8091"),
    ],
)
def test_a_value_is_returned_or_refused_in_both_languages(
    check: object, good: object, bad: object
) -> None:
    assert callable(check)
    assert check(good) == good
    with pytest.raises(InvalidSettingError) as refused:
        check(bad)
    assert refused.value.zh != refused.value.en != ""


def test_turn_servers_need_readable_addresses_and_a_secret_that_is_not_shown(
    tmp_path: Path,
) -> None:
    secret = "s" * 15
    file = tmp_path / "settings.toml"
    for urls, field, reason in (
        (["turn:turn.example"], "relay.turn_secret", "static-auth-secret"),
        (["stun:turn.example"], "relay.turn_urls", "turns:HOST:PORT"),
        (["turn:turn.example"] * 9, "relay.turn_urls", "at most 8"),
    ):
        file.write_text(f"[relay]\nturn_urls = {urls}\nturn_secret = '{secret}'\n")
        with pytest.raises(ProblemError) as refused:
            load_settings(file)
        assert refused.value.field == field
        assert reason in refused.value.en
        assert secret not in f"{refused.value.zh}{refused.value.en}{refused.value.value}"
    file.write_text(f"[relay]\nturn_urls = ['turn:turn.example']\nturn_secret = '{secret}s'\n")
    settings = load_settings(file)
    assert settings.relay.turn_urls == ["turn:turn.example"]
    assert secret not in repr(settings)
