"""RTMP byte by byte: what clients send when they push, in any pieces, and what nobody should."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_classroom.relay.ingest_rtmp import (
    HANDSHAKE,
    MAX_AMF_DEPTH,
    MAX_CHUNK_STREAMS,
    MAX_MESSAGE,
    WINDOW,
    Event,
    Publish,
    RtmpServer,
    Tag,
    Unpublish,
    read_amf,
    write_amf,
)

KEY = "k" * 16
HELLO = b"\3" + bytes(range(256)) * 6 + bytes(HANDSHAKE)


def message(
    kind: int, body: bytes, *, timestamp: int = 0, number: int = 3, size: int = 128
) -> bytes:
    """A message in chunks of `size`, its header in full."""
    head = bytes([number]) + min(timestamp, 0xFFFFFF).to_bytes(3, "big")
    head += len(body).to_bytes(3, "big") + bytes([kind]) + bytes(4)
    again = bytes([0xC0 | number])
    if timestamp >= 0xFFFFFF:
        head += timestamp.to_bytes(4, "big")
        again += timestamp.to_bytes(4, "big")
    parts = [body[at : at + size] for at in range(0, len(body), size)] or [b""]
    return head + again.join(parts)


def command(*values: object) -> bytes:
    return message(20, write_amf(*values))


PUSH = HELLO + command("connect", 1.0, {"app": "live"}) + command("releaseStream", 2.0, None, KEY)
PUSH += command("createStream", 3.0, None) + command("publish", 4.0, None, KEY + "?a=b", "live")


def started() -> RtmpServer:
    server = RtmpServer()
    assert server.receive(PUSH) == [Publish(KEY)]
    server.accept()
    server.outgoing()
    return server


def test_a_push_is_greeted_and_asks_for_its_key() -> None:
    server = RtmpServer()
    assert server.receive(HELLO[:1000]) == []
    assert server.outgoing() == b""
    assert server.receive(PUSH[1000:]) == [Publish(KEY)]
    out = server.outgoing()
    assert out[0] == 3
    assert out[1 + HANDSHAKE : 1 + 2 * HANDSHAKE] == HELLO[1 : 1 + HANDSHAKE]
    for text in (b"_result", b"NetConnection.Connect.Success"):
        assert text in out
    server.accept()
    assert b"NetStream.Publish.Start" in server.outgoing()


def test_media_that_came_with_the_request_is_not_lost() -> None:
    server = RtmpServer()
    assert server.receive(PUSH + message(9, b"\x17\0record")) == [Publish(KEY)]
    server.accept()
    (tag,) = server.receive(b"")
    assert isinstance(tag, Tag)
    assert tag.header


def test_an_unknown_key_is_refused_and_its_media_ignored() -> None:
    server = RtmpServer()
    server.receive(PUSH)
    server.refuse()
    assert b"NetStream.Publish.BadName" in server.outgoing()
    assert server.receive(message(9, b"\x17\1frame")) == []


def test_media_becomes_flv_whatever_the_pieces() -> None:
    picture = b"\x17\1\0\0\0" + bytes(range(256)) * 3
    stream = message(9, b"\x17\0\0\0\0record", timestamp=0, number=6)
    stream += message(8, b"\xaf\0\x12\x10", number=4) + message(9, picture, timestamp=40, number=6)
    stream += message(8, b"\xaf\1sound", timestamp=41, number=4)
    whole = [e for e in started().receive(stream) if isinstance(e, Tag)]
    assert [(t.kind, t.header, t.key) for t in whole] == [
        (9, True, False),
        (8, True, False),
        (9, False, True),
        (8, False, False),
    ]
    size = len(picture)
    assert whole[2].data == (
        b"\x09" + size.to_bytes(3, "big") + b"\0\0\x28\0\0\0\0" + picture
        + (11 + size).to_bytes(4, "big")
    )  # fmt: skip
    server, pieces = started(), []
    for byte in stream:
        pieces += server.receive(bytes([byte]))
    assert pieces == whole


def test_time_runs_on_through_short_headers_and_24_bits() -> None:
    server = started()
    body = b"\x27\1\0\0\0x"
    server.receive(message(9, body, timestamp=0xFFFFFE, number=6))
    delta = b"\x46" + (40).to_bytes(3, "big") + len(body).to_bytes(3, "big") + b"\x09" + body
    same = b"\x86" + (50).to_bytes(3, "big") + body
    none = b"\xc6" + body
    tags: list[Event] = server.receive(delta + same + none)
    stamps = [
        int.from_bytes(t.data[4:7], "big") | t.data[7] << 24 for t in tags if isinstance(t, Tag)
    ]
    assert stamps == [0xFFFFFE + 40, 0xFFFFFE + 90, 0xFFFFFE + 140]


def test_an_extended_time_is_read_in_every_chunk_of_its_message() -> None:
    body = b"\x27\1\0\0\0" + bytes(300)
    (tag,) = started().receive(message(9, body, timestamp=0x01020304, number=6))
    assert isinstance(tag, Tag)
    assert tag.data[4:8] == b"\2\3\4\1"
    assert tag.data[11:-4] == body


def test_chunks_may_be_longer_and_streams_have_long_numbers() -> None:
    server = started()
    server.receive(message(1, (1000).to_bytes(4, "big"), number=2))
    body = b"\x27\1\0\0\0" + bytes(900)
    plain = message(9, body, size=1000)[1:]
    tags = server.receive(b"\0\5" + plain) + server.receive(b"\1\5\1" + plain)
    assert [t.data[11:-4] for t in tags if isinstance(t, Tag)] == [body, body]


def test_pings_are_answered_and_bytes_acknowledged() -> None:
    server = started()
    server.receive(message(4, b"\0\6\1\2\3\4", number=2))
    assert server.outgoing()[12:] == b"\0\7\1\2\3\4"
    server.receive(message(1, (500_000).to_bytes(4, "big"), number=2))
    big = message(9, b"\x27\1" + bytes(WINDOW // 2), size=500_000)
    server.receive(big)
    total = len(PUSH) + 18 + 16 + len(big)
    assert server.outgoing()[12:] == struct.pack(">I", total)


@pytest.mark.parametrize("name", ["deleteStream", "FCUnpublish", "closeStream"])
def test_an_end_is_heard(name: str) -> None:
    assert started().receive(command(name, 5.0, None, 1.0)) == [Unpublish()]


def test_an_aborted_message_is_forgotten() -> None:
    server = started()
    server.receive(message(9, b"\x27" + bytes(300), number=6)[:140])
    server.receive(message(2, (6).to_bytes(4, "big"), number=2))
    (tag,) = server.receive(message(9, b"\x27\1ok", number=6))
    assert isinstance(tag, Tag)
    assert tag.data[11:-4] == b"\x27\1ok"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"GET / HTTP/1.1\r\n", "RTMP version 71"),
        (HELLO + b"\xc3", "begins in the middle"),
        (HELLO + b"\3\0\0\0\xff\xff\xff\x09\0\0\0\0", "a message of 16777215 bytes"),
        (HELLO + message(1, (2**31 - 1).to_bytes(4, "big")), "chunks of 2147483647 bytes"),
        (HELLO + message(1, bytes(4)), "chunks of 0 bytes"),
        (HELLO + message(20, b"\2\0\xffx"), "ends in the middle"),
        (HELLO + message(20, b"\3\0\1a" * 20), "too much"),
        (HELLO + message(20, b"\x0a\xff\xff\xff\xff"), "too much"),
        (HELLO + message(20, b"\x20"), "AMF0 of type 32"),
    ],
)
def test_what_is_not_rtmp_is_a_value_error(data: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        RtmpServer().receive(data)


def test_chunk_streams_are_bounded() -> None:
    server = started()
    many = b"".join(message(9, b"\x27\1", number=3 + n) for n in range(MAX_CHUNK_STREAMS + 1))
    with pytest.raises(ValueError, match=f"more than {MAX_CHUNK_STREAMS}"):
        server.receive(many)
    assert MAX_MESSAGE * MAX_CHUNK_STREAMS < 256 * 1024 * 1024


def test_amf_goes_there_and_back() -> None:
    values = ["name", 1.0, None, {"a": "b", "c": 2.0, "d": {"e": None}}]
    assert read_amf(write_amf(*values)) == values
    assert read_amf(b"\1\1\x0a\0\0\0\1\1\0\x0b" + bytes(10) + b"\x08" + bytes(4) + b"\0\0\x09") == [
        True,
        [False],
        None,
        {},
    ]
    nested = b"\3\0\1a" * (MAX_AMF_DEPTH + 2)
    with pytest.raises(ValueError, match="too much"):
        read_amf(nested)


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_rubbish_ends_in_events_or_a_value_error(pieces: list[bytes]) -> None:
    for server in (RtmpServer(), started()):
        try:
            for piece in pieces:
                server.receive(piece)
        except ValueError:
            continue
