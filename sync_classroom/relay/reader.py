"""Datagrams in by batches: media of known streams decrypted and read, the rest left to who asks.

A stream becomes known (an address and an SSRC) once one of its packets has gone the long way
through `demux.py`; from then on it costs what its decryption costs and little more. `Reader` is the
interface; `PythonReader` does it with cffi, `kernel_reader.KernelReader` takes its place where the
kernel was compiled: the same contract (`tests/relay/test_reader.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from . import rtp
from .counters import Counters
from .rtp import Heard
from .srtp import SrtpError, SrtpSession
from .udp import UdpSocket

if TYPE_CHECKING:
    from .live_session import Session

_SSRC: Final = slice(8, 12)


class Known:
    """A stream of a verified address. `incoming` is held for as long as the stream is known."""

    __slots__ = ("incoming", "level_id", "session", "ssrc")

    def __init__(self, session: Session, ssrc: int, incoming: SrtpSession, level_id: int) -> None:
        self.session = session
        self.ssrc = ssrc
        self.incoming = incoming
        self.level_id = level_id
        """Of the header extension with the audio level (RFC 6464); 0 if there is none."""


@dataclass(slots=True)
class Reading:
    """What one batch held. `others` are places of the socket's buffers, untouched."""

    count: int
    runs: Sequence[tuple[Known, list[Heard]]]
    """By stream, each in order of arrival."""
    others: Sequence[int]


class Reader(Protocol):
    """Reads the socket in batches."""

    name: str
    """Which implementation it is."""

    def learn(self, key: bytes, known: Known) -> None:
        """From now on read this stream when it comes from this address."""
        ...

    def forget(self, key: bytes) -> None:
        """No stream is known of this address any more."""
        ...

    def read(self) -> Reading:
        """Read a batch of at most `udp.RECEIVE_BATCH`; what fails its check is counted."""
        ...


class PythonReader:
    """The reader in Python over cffi."""

    name = "python"

    def __init__(self, socket: UdpSocket, counters: Counters) -> None:
        self._socket = socket
        self._counters = counters
        # As many as the sessions' addresses and mapped SSRCs allow (`ice.MAX_ADDRESSES`,
        # `publisher.MAX_SSRCS`); all of an address go with it.
        self._streams: dict[bytes, dict[int, Known]] = {}

    def learn(self, key: bytes, known: Known) -> None:
        """See `Reader`."""
        self._streams.setdefault(key, {})[known.ssrc] = known

    def forget(self, key: bytes) -> None:
        """See `Reader`."""
        self._streams.pop(key, None)

    def read(self) -> Reading:
        """See `Reader`."""
        socket, streams, counters = self._socket, self._streams, self._counters
        count = socket.receive()
        runs: dict[Known, list[Heard]] = {}
        others: list[int] = []
        for place in range(count):
            length = socket.media_length(place)
            found = streams.get(socket.address(place)) if length else None
            if found is None:
                others.append(place)
                continue
            data = socket.view(place, length)
            known = found.get(int.from_bytes(data[_SSRC], "big"))
            if known is None:
                others.append(place)
                continue
            try:
                length = known.incoming.unprotect(socket.pointer(place), length)
                heard = rtp.parse(data[:length]).heard(data[:length], known.level_id)
            except SrtpError:
                counters.srtp_rejected += 1
            except ValueError:
                counters.rtp_malformed += 1
            else:
                run = runs.get(known)
                if run is None:
                    run = runs[known] = []
                run.append(heard)
        return Reading(count, tuple(runs.items()), others)
