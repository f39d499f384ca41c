"""ICE, DTLS and SRTP of a virtual terminal against the real relay, and against silence."""

from __future__ import annotations

import asyncio
import socket
import struct
from pathlib import Path

import pytest
from pylibsrtp import Policy

from sync_classroom.simulator import transport as transport_module
from sync_classroom.simulator.client import Line, Signalling, offer_text, parse_answer
from sync_classroom.simulator.transport import Remote, Transport, TransportError, first_family
from tests.support.relays import relay

pytestmark = pytest.mark.asyncio


async def _answered(url: str, http: object, packets: list[bytes]) -> tuple[Transport, Remote]:
    transport = Transport(lambda data, _rtcp: packets.append(data))
    signalling = Signalling(http, f"{url}/whip/room", "")  # type: ignore[arg-type]
    offer = offer_text(transport, [Line("audio", "sendonly", 7)], "test")
    return transport, parse_answer(await signalling.offer(offer))


async def test_transport_connects_and_measures_the_round_trip(tmp_path: Path) -> None:
    async with relay(tmp_path, open_mode=True) as running:
        transport, remote = await _answered(running.url, running.http, [])
        began = asyncio.get_running_loop().time()
        await transport.connect(remote)
        assert transport.connected
        assert transport.rtt_s is not None
        assert 0 < transport.rtt_s <= asyncio.get_running_loop().time() - began
        transport.close()


async def test_a_server_with_another_certificate_is_refused(tmp_path: Path) -> None:
    async with relay(tmp_path, open_mode=True) as running:
        transport, remote = await _answered(running.url, running.http, [])
        other = Remote(remote.ice_ufrag, remote.ice_pwd, "AA:" * 31 + "AA", remote.candidates)
        with pytest.raises(TransportError, match="certificate"):
            await transport.connect(other)
        assert not transport.connected


async def test_a_wrong_password_never_connects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport_module, "CONNECT_TIMEOUT_S", 0.5)
    async with relay(tmp_path, open_mode=True) as running:
        transport, remote = await _answered(running.url, running.http, [])
        wrong = Remote(remote.ice_ufrag, "x" * 24, remote.fingerprint_sha256, remote.candidates)
        with pytest.raises(TransportError, match="no answer"):
            await transport.connect(wrong)


async def test_silence_ends_with_an_error_and_the_socket_is_given_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport_module, "CONNECT_TIMEOUT_S", 0.3)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        transport = Transport(lambda _data, _rtcp: None)
        with pytest.raises(TransportError, match="no answer"):
            await transport.connect(Remote("user", "p" * 24, "AA", (silent.getsockname(),)))
    transport.send_rtp(b"nothing happens after the end")
    assert not transport.connected


async def test_media_that_overtakes_the_handshake_is_kept_and_is_bounded() -> None:
    profile = transport_module._PROFILES[0]
    key = bytes(range(profile.key + profile.salt))
    far, ours = (
        transport_module._srtp(key, policy, profile)
        for policy in (Policy.SSRC_ANY_OUTBOUND, Policy.SSRC_ANY_INBOUND)
    )
    packets: list[bytes] = []
    transport = Transport(lambda data, _rtcp: packets.append(data))
    sent = [
        struct.pack("!BBHII", 0x80, 111, number, 0, 7) + b"voice"
        for number in range(transport_module.EARLY_PACKETS + 3)
    ]
    for packet in sent[:-1]:
        transport._dispatch(far.protect(packet), ("127.0.0.1", 9))
    assert packets == []
    transport._keyed(far, ours)
    transport._dispatch(far.protect(sent[-1]), ("127.0.0.1", 9))
    assert packets == [*sent[:-3], sent[-1]]


async def test_junk_from_anybody_is_ignored(tmp_path: Path) -> None:
    async with relay(tmp_path, open_mode=True) as running:
        packets: list[bytes] = []
        transport, remote = await _answered(running.url, running.http, packets)
        await transport.connect(remote)
        assert transport._socket is not None
        address = ("127.0.0.1", transport._socket.getsockname()[1])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for junk in (b"\x80" + b"x" * 40, b"\x00\x01junk", b"\x16\xfe\xff", b"hello"):
                stranger.sendto(junk, address)
        while transport.undecryptable == 0:
            await asyncio.sleep(0)
        assert packets == []
        assert transport.connected
        transport.close()


@pytest.mark.parametrize(
    ("candidates", "chosen"),
    [
        ((("::1", 1), ("127.0.0.1", 2)), (("127.0.0.1", 2),)),
        ((("::1", 1), ("fe80::1", 3)), (("::1", 1), ("fe80::1", 3))),
    ],
)
async def test_candidates_of_one_family_are_kept(
    candidates: tuple[tuple[str, int], ...], chosen: tuple[tuple[str, int], ...]
) -> None:
    assert first_family(candidates) == chosen
