"""What the relay process is told at start. Every field has its unit in its name or sentence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Listen:
    """An address to listen on; port 0 lets the system choose."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """Addresses, limits and files of one relay.

    `advertised` are the IP addresses put into ICE candidates (empty: those of the interfaces
    `media` listens on). `control` is a Unix socket path, or a loopback address with
    `control_secret`. `keys` are public JWKs tokens may be signed with; more arrive by `PUT /keys`.
    """

    relay: str = "relay-1"
    media: Listen = Listen("0.0.0.0", 7700)  # noqa: S104 - the relay's purpose is to be reached
    http: Listen = Listen("0.0.0.0", 8090)  # noqa: S104
    advertised: tuple[str, ...] = ()
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    control: Path | Listen | None = None
    control_secret: str = ""
    journal_dir: Path = Path("var/relay")
    keys: tuple[dict[str, str], ...] = ()
    open_mode: bool = False
    max_sessions: int = 600
    max_rooms: int = 200
    batch_window_ms: float = 2.0
    sample_s: float = 10.0
    max_bitrate_kbps: int = 2500
    journal_max_mb: int = 512
