"""Offers and fragments read: what they ask, what is refused, and rubbish."""

from __future__ import annotations

import re

import pytest
from aiortc.sdp import SessionDescription
from hypothesis import given
from hypothesis import strategies as st

from sync_classroom.relay import sdp
from sync_classroom.relay.sdp import (
    MID,
    REPAIRED_RID,
    RID,
    MalformedSdpError,
    SdpError,
    UnacceptableSdpError,
    parse_fragment,
    parse_offer,
)
from sync_classroom.relay.session import Direction
from tests.support.sdp_offers import (
    FINGERPRINT,
    PUBLISH,
    PWD,
    SUBSCRIBE,
    answer,
    media,
    offer,
    section,
)

PUBLISHER, SUBSCRIBER = Direction.PUBLISH, Direction.SUBSCRIBE


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


# ---------------------------------------------------------------------------- lines


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
        (PUBLISH.replace("a=group:BUNDLE 0 1", "a=group:"), "semantics"),
        (PUBLISH.replace("a=rtcp-mux", "a=ssrc-group: \r\na=rtcp-mux"), "semantics"),
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


# ---------------------------------------------------------------------------- simulcast

EXTENSIONS = (f"a=extmap:4 {MID}", f"a=extmap:10 {RID}", f"a=extmap:11 {REPAIRED_RID}")
LAYERS = ("a=rid:h send", "a=rid:m send", "a=rid:l send", "a=simulcast:send h;m;l")


def test_the_layers_of_a_publisher_are_taken_with_the_extensions_that_name_them() -> None:
    # Firefox announces SSRCs as well; which layer each is only the packets say.
    text = offer(media("audio", "0"), media("video", "1", *EXTENSIONS, *LAYERS, "a=ssrc:5 cname:x"))
    video = parse_offer(text, Direction.PUBLISH).lines[1]
    assert [layer.rid for layer in video.layers] == ["h", "m", "l"]
    assert (video.ssrc, video.rtx_ssrc) == (None, None)
    assert video.extensions == {MID: 4, RID: 10, REPAIRED_RID: 11}


def test_layers_that_could_not_be_told_apart_are_not_taken() -> None:
    text = offer(media("audio", "0"), media("video", "1", EXTENSIONS[0], *LAYERS, "a=ssrc:5 c"))
    video = parse_offer(text, Direction.PUBLISH).lines[1]
    assert (video.layers, video.ssrc, video.accepted) == ((), 5, True)


def test_a_subscriber_has_no_layers_to_offer() -> None:
    text = offer(media("video", "0", *EXTENSIONS, *LAYERS, direction="recvonly"), bundle="0")
    assert parse_offer(text, Direction.SUBSCRIBE).lines[0].layers == ()
