from __future__ import annotations

from sync_classroom.relay.candidates import MAX_RELAYED, relayed_addresses

LINE = "a=candidate:4 1 udp 41885439 {} {} typ relay raddr 0.0.0.0 rport 0 generation 0\r\n"


def test_only_relayed_udp_candidates_count() -> None:
    text = (
        "v=0\r\na=candidate:1 1 udp 2122260223 192.0.2.1 5000 typ host\r\n"
        + LINE.format("198.51.100.7", 50000)
        + "a=candidate:2 1 udp 1686052607 203.0.113.5 5000 typ srflx raddr 192.0.2.1 rport 5000\r\n"
        + "a=candidate:3 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active\r\n"
        + LINE.replace("udp", "UDP").format("2001:DB8::7", 50001)
    )
    assert relayed_addresses(text) == {("198.51.100.7", 50000), ("2001:db8::7", 50001)}


def test_rubbish_and_names_are_nothing() -> None:
    for host, port in (("abc.local", 1), ("1.2.3.4", "x"), ("1" * 50, 1), ("1.2.3.4", 123456)):
        assert relayed_addresses(LINE.format(host, port)) == frozenset()
    assert relayed_addresses("") == frozenset()


def test_the_number_is_bounded() -> None:
    text = "".join(LINE.format("198.51.100.7", 50000 + n) for n in range(100))
    assert len(relayed_addresses(text)) == MAX_RELAYED
