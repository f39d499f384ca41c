"""Thousands of receivers for one process: one socket, a loopback address for each of them.

Every address of 127.0.0.0/8 is this machine's, so a socket bound to the wildcard is as many peers
as it sends from addresses (IP_PKTINFO). Each has a real ICE and DTLS handshake and keys of its own,
says every five seconds that it consents and every second what it received, as a browser does; media
is counted and never decrypted.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pylibsrtp import Session

from bench.relay.peers import Handshake, Remote, Source, check
from bench.relay.receiving import Mailbox, drops

CONSENT_S: Final = 5.0
REPORT_S: Final = 1.0
AGAIN_S: Final = 0.05
GIVE_UP_S: Final = 20.0
LEARN_S: Final = 1.0
"""From a source's first packets until everybody has them."""
BUFFER: Final = 256 * 1024 * 1024
READS: Final = 8
"""recvmmsg calls between two looks at the clock."""
_SO_RCVBUFFORCE: Final = 33  # asm-generic/socket.h
_IP_PKTINFO: Final = 8  # linux/in.h
_PKTINFO: Final = struct.Struct("=i4s4s")
_SPACE: Final = socket.CMSG_SPACE(_PKTINFO.size)
_REPORT: Final = struct.Struct(">BBHI" + "IIIIII" * 2)


@dataclass(slots=True)
class Member:
    """One receiver. `shifts` are what the relay adds to each kind's sequence numbers."""

    ancillary: list[tuple[int, int, bytes]]
    remote: Remote
    ssrcs: tuple[int, ...]
    source: Source
    handshake: Handshake | None = None
    protect: Session | None = None
    consent: bytes = b""
    shifts: tuple[int, int] = (0, 0)


def report(member: Member, counts: Sequence[int]) -> bytes:
    """A receiver report on both streams: everything up to these counts arrived (RFC 3550 6.4.2)."""
    blocks: list[int] = []
    for ssrc, shift, count in zip(member.ssrcs, member.shifts, counts, strict=True):
        blocks += [ssrc, 0, (shift + count) & 0xFFFFFFFF, 30, 0, 0]
    return _REPORT.pack(0x82, 201, _REPORT.size // 4 - 1, 4711, *blocks)


class Crowd:
    """All receivers. Everything happens when `join`, `tick` or `read` is called."""

    def __init__(self) -> None:
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.setblocking(False)
        try:
            self.udp.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, BUFFER)
        except PermissionError:
            self.udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        self.udp.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        self.udp.bind(("", 0))
        self._poll = select.poll()
        self._poll.register(self.udp, select.POLLIN)
        self.mailbox = Mailbox([self.udp])
        self.members: list[Member] = []
        self._by_address: dict[bytes, Member] = {}
        self._consents: deque[tuple[float, Member]] = deque()
        self._reports: deque[tuple[float, Member, tuple[int, ...]]] = deque()
        self.reporting = False

    # ------------------------------------------------------------------ joining

    def invite(self, remote: Remote, ssrcs: tuple[int, ...], source: Source) -> Member:
        """One more receiver of `source`; `join` connects it."""
        number = len(self.members) + 1
        address = bytes([127, 1 + (number >> 16), number >> 8 & 0xFF, number & 0xFF])
        info = _PKTINFO.pack(0, address, bytes(4))
        member = Member([(socket.IPPROTO_IP, _IP_PKTINFO, info)], remote, ssrcs, source)
        member.handshake = Handshake(remote, lambda data: self._send(member, data))
        member.consent = check(remote)
        self._by_address[address] = member
        self.members.append(member)
        return member

    def join(self, invited: Sequence[Member]) -> None:
        """Connect some receivers; SystemExit if the relay stays silent."""
        waiting = {id(member): member for member in invited}
        deadline = time.monotonic() + GIVE_UP_S
        while waiting:
            for member in waiting.values():
                assert member.handshake is not None
                member.handshake.begin()
            until = time.monotonic() + AGAIN_S
            while waiting and time.monotonic() < until:
                self._poll.poll(AGAIN_S * 1000)
                for member in self._shake_hands():
                    waiting.pop(id(member), None)
            if time.monotonic() > deadline:
                raise SystemExit(f"{len(waiting)} receivers could not connect")
        now = time.monotonic()
        for member in invited:
            self._consents.append((now + CONSENT_S, member))

    def _shake_hands(self) -> list[Member]:
        done = []
        while True:
            try:
                data, ancillary, _, _ = self.udp.recvmsg(2048, _SPACE)
            except BlockingIOError:
                return done
            member = self._by_address.get(_PKTINFO.unpack(ancillary[0][2])[2])
            if member is None or member.handshake is None:
                continue
            member.handshake.receive(data)
            if member.handshake.connected:
                member.protect = member.handshake.sessions()[1]
                member.handshake = None  # thousands of them are as many OpenSSL objects
                done.append(member)

    def _send(self, member: Member, data: bytes) -> None:
        try:
            self.udp.sendmsg([data], member.ancillary, 0, member.remote.address)
        except BlockingIOError:
            return  # lost, as on any line

    # ------------------------------------------------------------------ listening

    def learn(self, members: Sequence[Member]) -> None:
        """From the first packets that came: how the relay numbers each receiver's streams.

        Call when each source has sent something and now pauses, so that what is highest here is
        what it sent last.
        """
        highest: dict[int, int] = {}
        end = time.monotonic() + LEARN_S  # there is never silence: sender reports go on
        while (left := end - time.monotonic()) > 0:
            self._poll.poll(left * 1000)
            while True:
                try:
                    data = self.udp.recv(2048)
                except BlockingIOError:
                    break
                if 128 <= data[0] <= 191 and not 192 <= data[1] <= 223:
                    ssrc, number = struct.unpack_from(">xxxxxxxxI", data)[0], data[2] << 8 | data[3]
                    if ssrc not in highest or (number - highest[ssrc]) & 0xFFFF < 0x8000:
                        highest[ssrc] = number
        now = time.monotonic()
        for place, member in enumerate(members):
            if any(ssrc not in highest for ssrc in member.ssrcs):
                raise SystemExit("a receiver that is connected gets nothing")
            first, second = (
                highest[ssrc] - sent
                for ssrc, sent in zip(member.ssrcs, member.source.counts, strict=True)
            )
            member.shifts = first, second
            counts = tuple(member.source.counts)
            self._reports.append((now + REPORT_S * place / len(members), member, counts))

    def tick(self, now: float) -> None:
        """Consent and report where it is time. A report speaks of what was sent a second ago."""
        while self._consents and self._consents[0][0] <= now:
            _, member = self._consents.popleft()
            self._send(member, member.consent)
            self._consents.append((now + CONSENT_S, member))
        while self._reports and self._reports[0][0] <= now:
            _, member, counts = self._reports.popleft()
            if self.reporting and member.protect is not None:
                self._send(member, member.protect.protect_rtcp(report(member, counts)))
            self._reports.append((now + REPORT_S, member, tuple(member.source.counts)))

    def read(self, timeout_s: float) -> None:
        """Wait for media and count some of it."""
        if self._poll.poll(timeout_s * 1000):
            for _ in range(READS):
                if self.mailbox.take(self.udp.fileno()) == 0:
                    return

    @property
    def lost(self) -> int:
        """Datagrams dropped here because this process did not read fast enough."""
        return drops(self.udp)

    def close(self) -> None:
        """Give the socket back."""
        self.mailbox.close()
        self.udp.close()
