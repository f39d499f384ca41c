"""Offers read and answered: own cases, aiortc's and Chromium's real ones, and rubbish."""

from __future__ import annotations

import re

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import SessionDescription
from hypothesis import given
from hypothesis import strategies as st

from sync_classroom.relay import sdp
from sync_classroom.relay.sdp import (
    MalformedSdpError,
    SdpError,
    UnacceptableSdpError,
    build_answer,
    build_fragment,
    parse_fragment,
    parse_offer,
    stream_ids,
)
from sync_classroom.relay.session import Direction, LocalStream, LocalTransport, Offer
from tests.support.browser import launch
from tests.support.sdp_offers import FINGERPRINT, H264, PUBLISH, PWD, SUBSCRIBE, media, offer

TRANSPORT = LocalTransport(
    "relayufrag",
    "relaypasswordrelaypassword",
    ("sha-256", ":".join(["AB"] * 32)),
    (("192.0.2.7", 7700), ("2001:db8::7", 7700)),
)
PUBLISHER, SUBSCRIBER = Direction.PUBLISH, Direction.SUBSCRIBE


def streams_for(parsed: Offer) -> dict[str, LocalStream]:
    ids = stream_ids(parsed, "room")
    return {
        line.mid: LocalStream(
            1000 + line.index,
            2000 + line.index if line.kind == "video" else None,
            "cn",
            ids[line.mid],
        )
        for line in parsed.lines
        if line.accepted
    }


def answer(parsed: Offer) -> str:
    streams = streams_for(parsed) if parsed.direction is SUBSCRIBER else {}
    return build_answer(parsed, TRANSPORT, streams, start_bitrate_kbps=1500, max_bitrate_kbps=2500)


def section(text: str, mid: str) -> list[str]:
    for part in re.split(r"\r\n(?=m=)", text)[1:]:
        lines = part.rstrip("\r\n").split("\r\n")
        if f"a=mid:{mid}" in lines:
            return lines
    raise AssertionError(f"no section {mid}")


# ---------------------------------------------------------------------------- publishing


def test_a_publishers_offer_is_negotiated() -> None:
    parsed = parse_offer(PUBLISH, PUBLISHER)
    assert (parsed.ice_ufrag, parsed.ice_pwd, parsed.setup) == ("abcd", PWD, "actpass")
    assert parsed.fingerprints == (("sha-256", FINGERPRINT.removeprefix("sha-256 ")),)
    audio, video = parsed.lines
    assert (audio.kind, audio.accepted, audio.slot, audio.mid) == ("audio", True, 0, "0")
    (opus,) = audio.codecs
    assert (opus.name, opus.payload_type, opus.clock_rate, opus.channels) == ("opus", 111, 48000, 2)
    (h264,) = video.codecs
    assert (h264.name, h264.payload_type, h264.rtx_payload_type) == ("H264", 108, 109)
    assert h264.feedback == {"nack", "nack pli", "goog-remb"}  # transport-cc is not spoken


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


def test_announced_ssrcs_are_read() -> None:
    extra = ("a=ssrc-group:FID 11 12", "a=ssrc:11 cname:x", "a=ssrc:12 cname:x")
    text = offer(media("audio", "0", "a=ssrc:4294967295 cname:x"), media("video", "1", *extra))
    audio, video = parse_offer(text, PUBLISHER).lines
    assert (audio.ssrc, audio.rtx_ssrc, video.ssrc, video.rtx_ssrc) == (2**32 - 1, None, 11, 12)


def test_a_publisher_has_one_line_of_each_kind() -> None:
    text = offer(media("video", "0"), media("video", "1"), media("audio", "2"), bundle="0 1 2")
    parsed = parse_offer(text, PUBLISHER)
    assert [(line.accepted, line.slot) for line in parsed.lines] == [
        (True, 0),
        (False, -1),
        (True, 0),
    ]
    assert section(answer(parsed), "1")[0].startswith("m=video 0 ")


def test_kinds_a_token_does_not_allow_are_answered_with_port_0() -> None:
    parsed = parse_offer(PUBLISH, PUBLISHER, kinds={"video"})
    text = answer(parsed)
    assert section(text, "0")[0] == "m=audio 0 UDP/TLS/RTP/SAVPF 111"
    assert "a=group:BUNDLE 1\r\n" in text
    assert "a=end-of-candidates" in section(text, "1")


# ---------------------------------------------------------------------------- subscribing


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


def test_a_bundle_only_line_with_port_0_is_accepted() -> None:
    text = offer(media("audio", "0"), media("video", "1", "a=bundle-only", port=0, transport=False))
    parsed = parse_offer(text, PUBLISHER)
    assert [line.accepted for line in parsed.lines] == [True, True]
    assert section(answer(parsed), "1")[0] == "m=video 9 UDP/TLS/RTP/SAVPF 108 109"


def test_a_disabled_line_stays_disabled() -> None:
    parsed = parse_offer(offer(media("audio", "0"), media("video", "1", port=0)), PUBLISHER)
    assert [line.accepted for line in parsed.lines] == [True, False]


def test_without_bundle_one_line_is_served() -> None:
    parsed = parse_offer(offer(media("audio", "0"), media("video", "1"), bundle=None), PUBLISHER)
    assert [line.accepted for line in parsed.lines] == [True, False]
    assert "BUNDLE" not in answer(parsed)


def test_a_line_outside_the_bundle_is_not_served() -> None:
    parsed = parse_offer(offer(media("audio", "0"), media("video", "1"), bundle="0"), PUBLISHER)
    assert [line.accepted for line in parsed.lines] == [True, False]


def test_transport_attributes_may_stand_in_the_session_part() -> None:
    text = offer(
        media("audio", "0", transport=False),
        bundle="0",
        session=("a=ice-ufrag:sess", f"a=ice-pwd:{PWD}", f"a=fingerprint:{FINGERPRINT}"),
    )
    parsed = parse_offer(text, PUBLISHER)
    assert (parsed.ice_ufrag, parsed.setup, len(parsed.fingerprints)) == ("sess", "actpass", 1)


def test_bare_newlines_are_read_like_crlf() -> None:
    assert parse_offer(PUBLISH.replace("\r\n", "\n"), PUBLISHER) == parse_offer(PUBLISH, PUBLISHER)


def test_header_extensions_are_agreed_where_we_speak_them() -> None:
    extra = (
        f"a=extmap:3 {sdp.ABS_SEND_TIME}",
        f"a=extmap:4/recvonly {sdp.MID}",
        "a=extmap:5 urn:3gpp:video-orientation",
        f"a=extmap:10 {sdp.RID}",
        f"a=extmap:15 {sdp.REPAIRED_RID}",
    )
    text = offer(media("video", "1", *extra), bundle="1")
    (line,) = parse_offer(text, PUBLISHER).lines
    assert line.extensions == {sdp.ABS_SEND_TIME: 3, sdp.MID: 4, sdp.RID: 10}
    assert [
        entry for entry in section(answer(parse_offer(text, PUBLISHER)), "1") if "extmap" in entry
    ] == [
        f"a=extmap:3 {sdp.ABS_SEND_TIME}",
        f"a=extmap:4 {sdp.MID}",
        f"a=extmap:10 {sdp.RID}",
    ]


# ---------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1"),
        ("hello", "line 1"),
        ("v=1\r\n", "starts with v=0"),
        ("s=-\r\nv=0\r\n", "starts with v=0"),
        (offer(), "at least one m-line"),
        (PUBLISH.replace("m=audio 9", "m=audio 70000"), "not an m-line"),
        (PUBLISH.replace("m=audio 9", "m=audio nine"), "not an m-line"),
        (PUBLISH.replace("SAVPF 111\r\n", "SAVPF\r\n"), "not an m-line"),
        (PUBLISH.replace("SAVPF 111\r\n", "SAVPF 128\r\n"), "payload types"),
        (PUBLISH.replace("SAVPF 111\r\n", "SAVPF 111 111\r\n"), "each once"),
        (PUBLISH.replace("SAVPF 111\r\n", f"SAVPF {' '.join(map(str, range(97)))}\r\n"), "96"),
        (PUBLISH.replace("a=mid:1\r\n", ""), "a=mid"),
        (PUBLISH.replace("a=mid:1", "a=mid:0"), "share a mid"),
        (PUBLISH.replace("a=mid:1", "a=mid:" + "x" * 17), "a=mid"),
        (PUBLISH.replace("a=ice-ufrag:abcd\r\n", ""), "ice-ufrag"),
        (PUBLISH.replace("ice-ufrag:abcd", "ice-ufrag:ab"), "ice-chars"),
        (PUBLISH.replace(PWD, "short"), "ice-chars"),
        (PUBLISH.replace(PWD, PWD + "\u00e9"), "ice-chars"),
        (PUBLISH.replace(f"a=fingerprint:{FINGERPRINT}\r\n", ""), "a=fingerprint"),
        (PUBLISH.replace("1E:1F", "1E"), "fingerprint"),
        (PUBLISH.replace("1E:1F", "1E:GG"), "fingerprint"),
        (PUBLISH.replace("a=rtcp-mux", "a=ssrc:x cname:y\r\na=rtcp-mux"), "SSRC"),
        (PUBLISH.replace("a=rtcp-mux", "a=ssrc:4294967296 c\r\na=rtcp-mux"), "SSRC"),
        (PUBLISH.replace("a=rtcp-mux", "a=extmap:x y\r\na=rtcp-mux"), "extmap"),
        (PUBLISH.replace("108", "111"), "two things"),
        (PUBLISH + "garbage\r\n", "<letter>=<value>"),
        (PUBLISH + "a=x:" + "y" * sdp.MAX_LINE_CHARACTERS + "\r\n", "characters"),
        (PUBLISH.replace("s=-", "s=\0"), "NUL"),
        (PUBLISH.replace("\r\n", "\r"), "line 1"),
        (PUBLISH + "a=x\r\n" * 40000, "bytes"),
        (PUBLISH + "a=x\r\n" * sdp.MAX_LINES, "lines"),
        (offer(*(media("video", str(mid)) for mid in range(33))), "m-lines"),
    ],
)
def test_malformed_offers_are_refused(text: str, words: str) -> None:
    with pytest.raises(MalformedSdpError, match=re.escape(words)):
        parse_offer(text, PUBLISHER)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (SUBSCRIBE, "none of the 2 m-lines"),  # recvonly publishes nothing
        (PUBLISH.replace("a=sendonly", "a=inactive"), "none of"),
        (PUBLISH.replace("a=rtcp-mux\r\n", ""), "rtcp-mux"),
        (PUBLISH.replace("opus", "PCMU").replace("H264", "AV1"), "Opus"),
        (
            PUBLISH.replace("packetization-mode=1", "packetization-mode=0").replace("opus", "G722"),
            "H264",
        ),
        (PUBLISH.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"), "none of"),
        (PUBLISH.replace("a=setup:actpass", "a=setup:passive"), "passive"),
        (PUBLISH.replace("s=-\r\n", "s=-\r\na=ice-lite\r\n"), "ICE-lite"),
        (PUBLISH.replace("sha-256", "sha-1"), "sha-256"),
    ],
)
def test_offers_we_cannot_serve_are_not_acceptable(text: str, words: str) -> None:
    with pytest.raises(UnacceptableSdpError, match=re.escape(words)):
        parse_offer(text, PUBLISHER)


def test_a_publishers_offer_is_no_subscription() -> None:
    with pytest.raises(UnacceptableSdpError):
        parse_offer(PUBLISH, SUBSCRIBER)


@given(st.data())
def test_damaged_offers_end_in_an_offer_or_an_sdp_error(data: st.DataObject) -> None:
    lines = (PUBLISH if data.draw(st.booleans()) else SUBSCRIBE).split("\r\n")
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(lines) - 1))
        what = data.draw(st.sampled_from(["drop", "double", "text", "cut", "swap"]))
        if what == "drop" and len(lines) > 1:
            del lines[place]
        elif what == "double":
            lines.insert(place, lines[place])
        elif what == "text":
            lines[place] = lines[place][:3] + data.draw(st.text(max_size=20))
        elif what == "cut":
            lines[place] = lines[place][: data.draw(st.integers(0, 10))]
        else:
            lines[place], lines[0] = lines[0], lines[place]
    try:
        parsed = parse_offer("\r\n".join(lines), PUBLISHER)
    except SdpError:
        return
    assert any(line.accepted for line in parsed.lines)
    text = answer(parsed)
    assert len(SessionDescription.parse(text).media) == len(parsed.lines)


# ---------------------------------------------------------------------------- fragments


def test_a_restart_fragment_has_credentials() -> None:
    fragment = parse_fragment(
        f"a=ice-ufrag:efgh\r\na=ice-pwd:{PWD}\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
        "a=candidate:1 1 udp 1 192.0.2.1 5000 typ host\r\na=end-of-candidates\r\n"
    )
    assert (fragment.ice_ufrag, fragment.ice_pwd, fragment.candidates) == ("efgh", PWD, 1)


def test_a_fragment_may_have_candidates_only() -> None:
    assert parse_fragment("a=end-of-candidates\r\n") == sdp.Fragment(None, None, 0)


@pytest.mark.parametrize(
    "text",
    [
        "rubbish",
        "",
        "a=ice-ufrag:abcd\r\n",
        f"a=ice-ufrag:a\r\na=ice-pwd:{PWD}\r\n",
        "a=x\r\n" * 10000,
    ],
)
def test_malformed_fragments_are_refused(text: str) -> None:
    with pytest.raises(MalformedSdpError):
        parse_fragment(text)


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
