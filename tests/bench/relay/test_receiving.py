from __future__ import annotations

import socket

from bench.relay.receiving import BATCH, Mailbox, drops

RTP, RTCP, STUN, DTLS = b"\x90\x60", b"\x81\xc9", b"\x01\x01", b"\x16\xfe"


def _pair() -> tuple[socket.socket, socket.socket]:
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.setblocking(False)
    receiver.bind(("127.0.0.1", 0))
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.connect(receiver.getsockname())
    return receiver, sender


def test_mailbox_tells_media_from_control_and_the_rest() -> None:
    receiver, sender = _pair()
    mailbox = Mailbox([receiver])
    for first in (RTP, RTCP, STUN, DTLS, RTP):
        sender.send(first + bytes(98))
    mailbox.wait(1.0)
    assert (mailbox.packets, mailbox.control, mailbox.bytes) == (2, 1, 500)
    mailbox.close()
    receiver.close()
    sender.close()


def test_mailbox_takes_more_than_one_batch_at_once_and_knows_what_was_dropped() -> None:
    receiver, sender = _pair()
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    mailbox = Mailbox([receiver])
    for _ in range(BATCH + 10):
        sender.send(RTP + bytes(10))
    mailbox.wait(1.0)
    assert mailbox.packets == BATCH + 10
    assert mailbox.lost() == 0
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    for _ in range(200):
        sender.send(RTP + bytes(1000))
    arrived = 0
    while mailbox.take(receiver.fileno()):
        arrived = mailbox.packets - BATCH - 10
    assert arrived + drops(receiver) == 200
    assert drops(receiver) > 0
    mailbox.close()
    receiver.close()
    sender.close()
