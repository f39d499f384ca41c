"""What the processes that work on recorded files have in common."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import av
from av.container import InputContainer
from av.packet import Packet

NICE: Final = 10
"""A lesson next to it comes first."""


def end_with_parent() -> None:
    """End this process when the one that started it does; it holds our standard input open."""
    threading.Thread(target=_wait, daemon=True).start()


def _wait() -> None:
    os.read(0, 1)
    os._exit(1)


def whole_packets(container: InputContainer) -> Iterator[Packet[Any]]:
    """Packets with a time, to where the file is damaged: the end of one whose writer was killed."""
    try:
        for packet in container.demux():
            # Corrupt: the file ends in the midst of it.
            if packet.pts is not None and packet.size and not packet.is_corrupt:
                yield packet
    except av.InvalidDataError:
        return


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
