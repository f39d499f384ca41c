"""From the settings file to what the relay is told."""

from __future__ import annotations

from pathlib import Path

from ..config import Settings, split_address
from ..relay.settings import Listen, RelaySettings
from .tls import certificate_files


def relay_settings(settings: Settings) -> RelaySettings:
    """The relay's part."""
    relay = settings.relay
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
    )


def control_of(settings: Settings) -> Path | Listen:
    """Where relay and coordinator meet: by default a socket in the data folder."""
    scheme, found, address = settings.relay.control.partition("://")
    if found:
        return Listen(*split_address(address))
    return Path(scheme or Path(settings.server.data_dir) / "relay" / "control.sock").absolute()
