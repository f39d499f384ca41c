from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiortc import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport

from sync_classroom.relay.dtls import Certificate
from sync_classroom.relay.peer import MAX_SSRCS, MAX_WAITING, PeerTransport
from sync_classroom.relay.udp import ffi
from tests.support.waiting import PATIENCE_S

pytestmark = pytest.mark.asyncio


class Wire:
    """A client's transport as aiortc wants it, with the relay's side at the other end."""

    role = "controlling"

    def __init__(self) -> None:
        self.inbox: asyncio.Queue[bytes] = asyncio.Queue()
        self.relay: PeerTransport | None = None

    async def _recv(self) -> bytes:
        return await self.inbox.get()

    def take(self, _: PeerTransport, data: bytes) -> None:
        self.inbox.put_nowait(data)

    async def _send(self, data: bytes) -> None:
        assert self.relay is not None
        if 20 <= data[0] <= 63:
            self.relay.dtls(data)


def client(certificate: RTCCertificate) -> tuple[Wire, Any]:
    wire = Wire()
    transport: Any = RTCDtlsTransport(wire, [certificate])  # type: ignore[arg-type]
    transport._set_role("client")
    return wire, transport


def fingerprints(certificate: RTCCertificate) -> list[tuple[str, str]]:
    return [(f.algorithm, f.value) for f in certificate.getFingerprints()]


async def connect() -> tuple[PeerTransport, Any, asyncio.Task[bool], asyncio.Event]:
    own, certificate = Certificate(), RTCCertificate.generateCertificate()
    wire, transport = client(certificate)
    relay = PeerTransport(own, fingerprints(certificate), wire.take)
    wire.relay = relay
    connected = asyncio.Event()
    task = asyncio.create_task(relay.run(connected.set))
    await transport.start(RTCDtlsParameters([RTCDtlsFingerprint(*own.fingerprint)], role="server"))
    await asyncio.wait_for(connected.wait(), PATIENCE_S)
    return relay, transport, task, connected


async def test_a_handshake_yields_working_keys_and_prefers_aes_128_gcm() -> None:
    relay, transport, task, _ = await connect()
    assert relay.connected
    assert transport._ssl.get_selected_srtp_profile() == b"SRTP_AEAD_AES_128_GCM"
    data = bytes.fromhex("806000010000000200000003") + b"payload"
    memory = ffi.new("char[]", 2048)
    protected = transport._tx_srtp.protect(data)
    ffi.memmove(memory, protected, len(protected))
    assert relay.incoming is not None
    assert relay.incoming.unprotect(memory, len(protected)) == len(data)
    assert relay.outgoing is not None
    length = relay.outgoing.protect_rtp(memory, len(data))
    assert transport._rx_srtp.unprotect(bytes(ffi.buffer(memory, length))) == data
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await transport.stop()


async def test_the_other_side_closing_ends_the_run() -> None:
    relay, transport, task, _ = await connect()
    await transport.stop()
    assert await asyncio.wait_for(task, PATIENCE_S) is True
    assert not relay.connected


async def test_cancelling_says_goodbye_and_leaves_no_task() -> None:
    before = asyncio.all_tasks()
    relay, transport, task, _ = await connect()
    ended = asyncio.Event()
    transport.on("statechange", lambda: transport.state == "closed" and ended.set())
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert not relay.connected
    await asyncio.wait_for(ended.wait(), PATIENCE_S)
    await transport.stop()
    assert asyncio.all_tasks() == before


async def test_a_wrong_fingerprint_is_refused() -> None:
    own, certificate = Certificate(), RTCCertificate.generateCertificate()
    wire, transport = client(certificate)
    other = RTCCertificate.generateCertificate()
    relay = PeerTransport(own, fingerprints(other), wire.take)
    wire.relay = relay
    task = asyncio.create_task(relay.run(lambda: pytest.fail("connected")))
    parameters = RTCDtlsParameters([RTCDtlsFingerprint(*own.fingerprint)], role="server")
    start = asyncio.create_task(transport.start(parameters))
    assert await asyncio.wait_for(task, PATIENCE_S) is False
    assert not relay.connected
    start.cancel()
    await asyncio.gather(start, return_exceptions=True)
    await transport.stop()


async def test_queue_and_streams_are_bounded() -> None:
    relay = PeerTransport(Certificate(), [], lambda _, data: None)
    for _ in range(MAX_WAITING + 5):
        relay.dtls(b"\x16")
    assert relay.overflowed == 5
    relay.ssrcs.update(range(MAX_SSRCS))
    assert relay.known_ssrc(0)
    assert not relay.known_ssrc(MAX_SSRCS)
