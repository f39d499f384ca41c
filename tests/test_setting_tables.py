"""Tables of settings: each with its sentence; how bad values are refused is in test_config.py."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from sync_classroom.config import Settings
from sync_classroom.setting_tables import LibrarySettings, RelayTableSettings, split_address


def test_every_setting_has_a_sentence() -> None:
    for table, field in Settings.model_fields.items():
        section = field.annotation
        assert section is not None
        for key, info in section.model_fields.items():
            assert info.description, f"{table}.{key}"
            assert info.description.endswith("."), f"{table}.{key}"


@pytest.mark.parametrize("control", ["", "run/control.sock", "/run/relay/control.sock"])
def test_socket_needs_no_secret_whoever_starts_the_relay(control: str) -> None:
    for spawn in (True, False):
        assert RelayTableSettings(spawn=spawn, control=control).control == control


def test_split_address_takes_brackets_off() -> None:
    assert split_address("[::1]:8080") == ("::1", 8080)
    assert split_address("0.0.0.0:0") == ("0.0.0.0", 0)


def test_unknown_key_of_a_table_is_an_error_and_tables_are_frozen() -> None:
    with pytest.raises(ValidationError, match="max_files"):
        LibrarySettings.model_validate({"max_files": 3})
    with pytest.raises(ValidationError, match="frozen"):
        LibrarySettings().max_file_mb = 3  # type: ignore[misc]
