from __future__ import annotations

import multiprocessing
import socket
import struct
from multiprocessing.connection import Connection

import pytest

from bench.relay.discard import HOST, RECEIVERS, Discard, NoDeviceError
from tests.support.waiting import PATIENCE_S

_UDP_SEGMENT = 103  # linux/udp.h


def _exchange(pipe: Connection) -> None:
    """What becomes of datagrams to a receiver that is here, is not, and is here again."""
    try:
        discard = Discard()
    except NoDeviceError as error:
        pipe.send(str(error))
        return
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.bind((HOST, 0))
    discard.meet()
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind((RECEIVERS, 0))
    receiver.settimeout(PATIENCE_S)
    to = receiver.getsockname()
    sender.sendto(b"here", to)
    heard = [receiver.recvfrom(100)]
    discard.part()
    segment = [(socket.SOL_UDP, _UDP_SEGMENT, struct.pack("=H", 500))]
    taken = []
    for able in (False, True) if discard.can_segment else (False,):
        discard.segmenting(able)
        before = discard.taken
        sender.sendto(b"gone", to)
        sender.sendmsg([bytes(500) * 3 + b"the shorter last"], segment, 0, to)
        taken.append(discard.taken - before)
    discard.meet()
    sender.sendto(b"back", to)
    heard.append(receiver.recvfrom(100))
    pipe.send((heard, sender.getsockname(), taken))


def test_what_is_sent_to_receivers_that_have_left_ends_in_the_device() -> None:
    context = multiprocessing.get_context("spawn")
    pipe, other = context.Pipe()
    process = context.Process(target=_exchange, args=(other,), daemon=True)
    process.start()  # whoever makes the network stays in it
    other.close()
    try:
        assert pipe.poll(PATIENCE_S)
        found = pipe.recv()
    finally:
        process.kill()
        process.join()
    if isinstance(found, str):
        pytest.skip(found)  # no root, no /dev/net/tun: nothing of the product depends on them
    heard, sender, taken = found
    assert heard == [(b"here", sender), (b"back", sender)]
    assert set(taken) == {1 + 4}  # whoever cuts up the message, what it holds is counted
