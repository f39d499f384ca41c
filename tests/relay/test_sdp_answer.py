"""Answers written: every line they must have, and real peers that take them."""

from __future__ import annotations

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import SessionDescription

from sync_classroom.relay import sdp
from sync_classroom.relay.sdp import parse_fragment, parse_offer
from sync_classroom.relay.sdp_answer import build_fragment, stream_ids
from sync_classroom.relay.session import Direction
from tests.support.browser import launch
from tests.support.sdp_offers import (
    H264,
    PUBLISH,
    SUBSCRIBE,
    TRANSPORT,
    answer,
    media,
    offer,
    section,
)

PUBLISHER, SUBSCRIBER = Direction.PUBLISH, Direction.SUBSCRIBE


def test_the_answer_to_a_publisher_has_every_required_line() -> None:
    text = answer(parse_offer(PUBLISH, PUBLISHER))
    head = text.split("m=")[0]
    assert head.startswith("v=0\r\no=- ")
    assert "a=ice-lite\r\n" in head
    assert "a=group:BUNDLE 0 1\r\n" in head
    audio, video = section(text, "0"), section(text, "1")
    assert audio[0] == "m=audio 9 UDP/TLS/RTP/SAVPF 111"
    assert video[0] == "m=video 9 UDP/TLS/RTP/SAVPF 108 109"
    for lines in (audio, video):
        assert {
            "a=setup:passive",
            "a=recvonly",
            "a=rtcp-mux",
            "a=rtcp-rsize",
            "a=ice-ufrag:relayufrag",
            "a=ice-pwd:relaypasswordrelaypassword",
            "a=fingerprint:sha-256 " + ":".join(["AB"] * 32),
        } <= set(lines)
    # RFC 9143: transport candidates belong to the tagged (first) section only.
    assert [line for line in audio if "candidate" in line] == [
        "a=candidate:1 1 udp 2130706431 192.0.2.7 7700 typ host",
        "a=candidate:2 1 udp 2130706175 2001:db8::7 7700 typ host",
        "a=end-of-candidates",
    ]
    assert not [line for line in video if "candidate" in line]
    assert (
        "a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f;"
        "x-google-start-bitrate=1500;x-google-max-bitrate=2500"
    ) in video
    assert "a=fmtp:109 apt=108" in video
    assert [line for line in video if line.startswith("a=rtcp-fb")] == [
        "a=rtcp-fb:108 goog-remb",
        "a=rtcp-fb:108 nack",
        "a=rtcp-fb:108 nack pli",
    ]
    assert "ssrc" not in text
    assert "transport-cc" not in text


def test_bitrates_an_offer_brings_are_not_echoed() -> None:
    codecs = tuple(line.replace("42e01f", "42e01f;x-google-start-bitrate=90000") for line in H264)
    text = offer(media("video", "1", codecs=codecs), bundle="1")
    lines = section(answer(parse_offer(text, PUBLISHER)), "1")
    assert sum(line.count("x-google-start-bitrate") for line in lines) == 1
    assert not any("90000;" in line for line in lines)


def test_rtcp_rsize_is_answered_only_if_offered() -> None:
    text = PUBLISH.replace("a=rtcp-rsize\r\n", "")
    assert "rtcp-rsize" not in answer(parse_offer(text, PUBLISHER))


def test_exclusive_multiplexing_is_answered_by_multiplexing() -> None:
    # RFC 8858 4: rtcp-mux-only in an offer is answered by rtcp-mux, and never by itself.
    text = PUBLISH.replace("a=rtcp-mux\r\n", "a=rtcp-mux\r\na=rtcp-mux-only\r\n")
    got = answer(parse_offer(text, PUBLISHER))
    for mid in ("0", "1"):
        assert "a=rtcp-mux" in section(got, mid)
    assert "rtcp-mux-only" not in got


def test_kinds_a_token_does_not_allow_are_answered_with_port_0() -> None:
    parsed = parse_offer(PUBLISH, PUBLISHER, kinds={"video"})
    text = answer(parsed)
    assert section(text, "0")[0] == "m=audio 0 UDP/TLS/RTP/SAVPF 111"
    assert "a=group:BUNDLE 1\r\n" in text
    assert "a=end-of-candidates" in section(text, "1")


def test_the_answer_to_a_subscriber_names_its_streams() -> None:
    parsed = parse_offer(SUBSCRIBE, SUBSCRIBER)
    audio, video = section(answer(parsed), "0"), section(answer(parsed), "1")
    assert "a=sendonly" in audio
    assert "a=sendonly" in video
    assert "a=msid:room-0 audio-0" in audio
    assert "a=msid:room-0 video-0" in video
    assert [line for line in video if "ssrc" in line] == [
        "a=ssrc-group:FID 1001 2001",
        "a=ssrc:1001 cname:cn",
        "a=ssrc:1001 msid:room-0 video-0",
        "a=ssrc:2001 cname:cn",
        "a=ssrc:2001 msid:room-0 video-0",
    ]
    assert not any("x-google" in line for line in video)


@pytest.mark.parametrize(
    ("kinds", "pairs"),
    [
        ("av", {"0": "s-0", "1": "s-0"}),
        ("aavvv", {"0": "s-0", "1": "s-2", "2": "s-0", "3": "s-1", "4": "s-2"}),
        ("aavv", {"0": "s-0", "1": "s-1", "2": "s-0", "3": "s-1"}),
        ("avvv", {"0": "s-0", "1": "s-0", "2": "s-1", "3": "s-2"}),
        ("aav", {"0": "s-0", "1": "s-1", "2": "s-0"}),
    ],
)
def test_voice_and_picture_of_a_slot_share_a_stream(kinds: str, pairs: dict[str, str]) -> None:
    sections = [
        media({"a": "audio", "v": "video"}[kind], str(mid), direction="recvonly")
        for mid, kind in enumerate(kinds)
    ]
    text = offer(*sections, bundle=" ".join(map(str, range(len(kinds)))))
    assert stream_ids(parse_offer(text, SUBSCRIBER), "s") == pairs


def test_a_data_channel_is_answered_by_port_0() -> None:
    data = media(
        "application",
        "2",
        protocol="UDP/DTLS/SCTP",
        formats="webrtc-datachannel",
        codecs=("a=sctp-port:5000",),
        mux=False,
    ).replace("a=sendonly\r\n", "")
    text = offer(
        data,
        media("audio", "0", direction="recvonly"),
        bundle="2 0",
    )
    parsed = parse_offer(text, SUBSCRIBER)
    got = answer(parsed)
    assert section(got, "2")[0] == "m=application 0 UDP/DTLS/SCTP webrtc-datachannel"
    assert "a=group:BUNDLE 0\r\n" in got
    assert "a=end-of-candidates" in section(got, "0")


def test_our_fragment_can_be_read_back() -> None:
    fragment = parse_fragment(build_fragment(TRANSPORT, "0"))
    assert (fragment.ice_ufrag, fragment.ice_pwd) == (TRANSPORT.ice_ufrag, TRANSPORT.ice_pwd)
    assert fragment.candidates == 2


# ---------------------------------------------------------------------------- real peers


@pytest.mark.asyncio
async def test_aiortc_takes_the_answers_to_its_offers() -> None:
    for direction, way in ((PUBLISHER, "sendonly"), (SUBSCRIBER, "recvonly")):
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        try:
            peer.addTransceiver("audio", direction=way)
            peer.addTransceiver("video", direction=way)
            peer.createDataChannel("chat")
            await peer.setLocalDescription(await peer.createOffer())
            parsed = parse_offer(peer.localDescription.sdp, direction)
            assert [(line.kind, line.accepted) for line in parsed.lines] == [
                ("audio", True),
                ("video", True),
                ("application", False),
            ]
            assert parsed.lines[1].codecs[0].name == "H264"
            # aiortc has no notion of a rejected section, so it is asked without its data channel.
            assert SessionDescription.parse(answer(parsed)).media[2].port == 0
        finally:
            await peer.close()
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        try:
            peer.addTransceiver("audio", direction=way)
            peer.addTransceiver("video", direction=way)
            await peer.setLocalDescription(await peer.createOffer())
            parsed = parse_offer(peer.localDescription.sdp, direction)
            await peer.setRemoteDescription(RTCSessionDescription(answer(parsed), "answer"))
            assert {t.currentDirection for t in peer.getTransceivers()} == {way}
        finally:
            await peer.close()


CHROMIUM_OFFER = """async ([kinds, direction, policy]) => {
  window.pc = new RTCPeerConnection({bundlePolicy: policy});
  for (const kind of kinds)
    if (kind === 'data') pc.createDataChannel('x');
    else pc.addTransceiver(kind, {direction});
  await pc.setLocalDescription();
  return pc.localDescription.sdp;
}"""
CHROMIUM_ANSWER = """async (sdp) => {
  const seen = [];
  pc.ontrack = (event) => seen.push([event.transceiver.mid, event.streams.map((s) => s.id)]);
  await pc.setRemoteDescription({type: 'answer', sdp});
  return {
    seen,
    directions: pc.getTransceivers().map((t) => t.currentDirection),
    remote: pc.remoteDescription.sdp,
    senders: pc.getSenders().map((s) => s.getParameters().codecs.map((c) => c.mimeType)),
  };
}"""


@pytest.mark.browser
@pytest.mark.asyncio
async def test_chromium_takes_the_answers_to_its_offers() -> None:
    async with launch() as browser:
        page = await browser.new_page()
        for policy in ("balanced", "max-bundle", "max-compat"):
            text = await page.evaluate(CHROMIUM_OFFER, [["audio", "video"], "sendonly", policy])
            parsed = parse_offer(text, PUBLISHER)
            assert [line.accepted for line in parsed.lines] == [True, True]
            video = parsed.lines[1]
            assert [(c.name, c.rtx_payload_type is not None) for c in video.codecs] == [
                ("H264", True),
                ("VP8", True),
            ]
            assert video.codecs[0].parameters["profile-level-id"] == "42e01f"
            assert video.codecs[0].feedback == {"nack", "nack pli", "ccm fir", "goog-remb"}
            assert {sdp.MID, sdp.ABS_SEND_TIME} <= set(video.extensions)
            taken = await page.evaluate(CHROMIUM_ANSWER, answer(parsed))
            assert taken["directions"] == ["sendonly", "sendonly"]
            assert taken["senders"][1][0] == "video/H264"

        # A remote classroom's five slots, and a data channel nobody serves.
        kinds = ["audio", "audio", "video", "video", "video", "data"]
        text = await page.evaluate(CHROMIUM_OFFER, [kinds, "recvonly", "max-bundle"])
        parsed = parse_offer(text, SUBSCRIBER)
        assert [line.accepted for line in parsed.lines] == [True] * 5 + [False]
        taken = await page.evaluate(CHROMIUM_ANSWER, answer(parsed))
        assert taken["directions"] == ["recvonly"] * 5
        assert taken["seen"] == [
            ["0", ["room-0"]],
            ["1", ["room-2"]],
            ["2", ["room-0"]],
            ["3", ["room-1"]],
            ["4", ["room-2"]],
        ]

        # A host's fourteen lines are the largest offer there is.
        text = await page.evaluate(
            CHROMIUM_OFFER, [["audio"] + ["video"] * 13, "recvonly", "balanced"]
        )
        assert len(text.encode()) < sdp.MAX_OFFER_BYTES // 2
        taken = await page.evaluate(CHROMIUM_ANSWER, answer(parse_offer(text, SUBSCRIBER)))
        assert taken["directions"] == ["recvonly"] * 14


def test_the_answer_takes_the_layers_and_tells_the_encoder_what_all_of_them_may_take() -> None:
    extensions = (f"a=extmap:4 {sdp.MID}", f"a=extmap:10 {sdp.RID}")
    layers = ("a=rid:h send pt=108,120", "a=rid:l send", "a=simulcast:send l;h")
    parsed = parse_offer(
        offer(media("audio", "0"), media("video", "1", *extensions, *layers)), PUBLISHER
    )
    audio, video = (section(answer(parsed), mid) for mid in "01")
    assert [line for line in video if line.startswith(("a=rid", "a=simulcast"))] == [
        "a=rid:l recv",
        "a=rid:h recv pt=108",
        "a=simulcast:recv l;h",
    ]
    assert f"a=extmap:10 {sdp.RID}" in video
    assert any(
        line.endswith("x-google-start-bitrate=1950;x-google-max-bitrate=3250") for line in video
    )
    assert not [line for line in audio if "rid:" in line or "simulcast" in line]
