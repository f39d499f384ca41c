"""What the relay process is told at start. Every field has its unit in its name or sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Listen:
    """An address to listen on; port 0 lets the system choose."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """Addresses, limits and files of one relay.

    `advertised` are the IP addresses put into ICE candidates (empty: those of the interfaces
    `media` listens on). `max_load` is the share of one core, 0 to 1, above which new seats are
    refused (`load.py`); 1 refuses nobody. `control` is a Unix socket path, or an address with
    `control_secret`, by TLS with the same certificate as `http` if `control_tls`. `keys` are public
    JWKs tokens may be signed with; more arrive by `PUT /keys`. `ice_servers` are `Link` values
    (RFC 9725 4.6) handed to peers, such as `<turn:turn.example>; rel="ice-server"`. `fanout` is one
    of `kernel.CHOICES`. `ingest_folder` is what `file:` sources are below, `ingest_rtmp` where
    recording hosts push to (None: nowhere).
    `recording_dir` None: nothing can be recorded; `recording_max_mb` and `recording_keep_days` 0:
    no limit.
    """

    relay: str = "relay-1"
    media: Listen = Listen("0.0.0.0", 7700)  # noqa: S104 - the relay's purpose is to be reached
    http: Listen = Listen("0.0.0.0", 8090)  # noqa: S104
    advertised: tuple[str, ...] = ()
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    control: Path | Listen | None = None
    control_tls: bool = False
    control_secret: str = ""
    journal_dir: Path = Path("var/relay")
    keys: tuple[dict[str, str], ...] = ()
    open_mode: bool = False
    max_sessions: int = 600
    max_rooms: int = 200
    max_load: float = 0.85
    batch_window_ms: float = 2.0
    fanout: str = "auto"
    sample_s: float = 10.0
    max_bitrate_kbps: int = 2500
    journal_max_mb: int = 512
    recording_dir: Path | None = None
    recording_min_free_mb: int = 2048
    recording_max_mb: int = 0
    recording_keep_days: int = 180
    ice_servers: tuple[str, ...] = ()
    ingest_folder: Path | None = None
    ingest_rtmp: Listen | None = None


def settings_to_json(settings: RelaySettings) -> dict[str, Any]:
    """The settings as JSON-able values, for a relay in a process of its own."""
    return {
        name: str(value) if isinstance(value, Path) else value
        for name, value in asdict(settings).items()
    }


def settings_from_json(values: Mapping[str, Any]) -> RelaySettings:
    """The reverse of `settings_to_json`; missing fields take their defaults.

    Raises ValueError naming a field that is unknown or of the wrong shape.
    """
    known = {field.name for field in fields(RelaySettings)}
    taken: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known:
            raise ValueError(f"unknown relay setting {name!r}")
        try:
            taken[name] = _from_json(name, value)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"relay setting {name!r} cannot be {value!r}: {error}") from error
    return RelaySettings(**taken)


_PATHS = frozenset(
    {"tls_certificate", "tls_key", "control", "journal_dir", "ingest_folder", "recording_dir"}
)


def _from_json(name: str, value: Any) -> Any:
    if isinstance(value, Mapping) and name in {"media", "http", "control", "ingest_rtmp"}:
        return Listen(str(value["host"]), int(value["port"]))
    if name in {"media", "http"}:
        raise TypeError("an address is a host and a port")
    if name in {
        "tls_certificate",
        "tls_key",
        "control",
        "journal_dir",
        "ingest_folder",
        "recording_dir",
    }:
        return None if value is None else Path(value)
    if isinstance(value, list | tuple):
        return tuple(value)
    return value
