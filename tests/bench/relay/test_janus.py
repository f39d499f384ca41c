from __future__ import annotations

import pytest

from bench.relay.janus import JanusError, answer, offer, remote
from bench.relay.peers import fingerprint
from sync_classroom.relay.sdp import parse_offer
from sync_classroom.relay.session import Direction

OFFERED = """v=0
o=- 1 1 IN IP4 192.0.2.2
s=VideoRoom 1234
t=0 0
a=group:BUNDLE 0 1
a=ice-lite
m=audio 9 UDP/TLS/RTP/SAVPF 111
a=sendonly
a=mid:0
a=ice-ufrag:rhy0
a=ice-pwd:dLVkxV20cc2gVGhIKAsVaN
a=fingerprint:sha-256 11:55
a=setup:actpass
a=rtpmap:111 opus/48000/2
a=candidate:1 1 udp 2015363327 192.0.2.2 50798 typ host
m=video 9 UDP/TLS/RTP/SAVPF 96
a=sendonly
a=mid:1
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 nack pli
""".replace("\n", "\r\n")


def test_remote_is_what_janus_says_of_itself() -> None:
    found = remote(OFFERED)
    assert (found.ufrag, found.pwd) == ("rhy0", "dLVkxV20cc2gVGhIKAsVaN")
    assert (found.fingerprint, found.address) == ("11:55", ("192.0.2.2", 50798))


def test_remote_without_candidate_is_refused() -> None:
    with pytest.raises(JanusError, match="candidate"):
        remote(OFFERED.replace("a=candidate", "a=nothing"))


def test_answer_takes_every_line_with_our_transport() -> None:
    text = answer(OFFERED)
    assert text.count("a=recvonly\r\n") == text.count("a=setup:active\r\n") == 2
    assert "a=group:BUNDLE 0 1\r\n" in text
    assert text.count(f"a=fingerprint:sha-256 {fingerprint()}\r\n") == 2
    assert "rhy0" not in text
    assert "a=rtcp-fb:96 nack pli\r\n" in text


def test_offer_is_one_that_our_relay_would_take_too() -> None:
    parsed = parse_offer(offer(), Direction.PUBLISH)
    assert [(line.kind, line.ssrc) for line in parsed.lines] == [("audio", 1000), ("video", 1001)]
