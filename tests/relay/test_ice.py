from __future__ import annotations

from sync_classroom.relay import stun
from sync_classroom.relay.ice import (
    CONSENT_S,
    MAX_ADDRESSES,
    REFUSALS_PER_S,
    SILENT_NOMINEE_S,
    IceAgent,
    IceTable,
    Outcome,
    Verdict,
)
from sync_classroom.relay.stun import Attribute, MessageType

TRANSACTION = b"abcdefghijkl"


def check(
    ufrag: str,
    pwd: str,
    *,
    nominate: bool = False,
    role: Attribute = Attribute.ICE_CONTROLLING,
    more: dict[Attribute, bytes] | None = None,
) -> bytes:
    attributes = {
        Attribute.USERNAME: f"{ufrag}:remote".encode(),
        Attribute.PRIORITY: b"\x6e\x00\x01\xff",
        role: bytes(8),
        **(more or {}),
    }
    if nominate:
        attributes[Attribute.USE_CANDIDATE] = b""
    return stun.build(MessageType.REQUEST, TRANSACTION, attributes, pwd)


def receive(table: IceTable, data: bytes, address: bytes, now: float) -> Verdict:
    return table.receive(data, address, lambda: ("192.0.2.7", 4242), now)


def opened(now: float = 0.0) -> tuple[IceTable, IceAgent]:
    table = IceTable()
    return table, table.open("s1", now)


def test_a_right_check_is_answered_and_nominates() -> None:
    table, agent = opened()
    verdict = receive(
        table, check(agent.current.ufrag, agent.current.pwd, nominate=True), b"A", 1.0
    )
    assert verdict.outcome is Outcome.ANSWERED
    assert verdict.agent is agent
    assert agent.address == b"A"
    assert verdict.response is not None
    answer = stun.parse(verdict.response)
    assert answer.kind is MessageType.SUCCESS
    assert answer.transaction == TRANSACTION
    assert answer.integrity_is(agent.current.pwd)
    assert answer.fingerprinted


def test_wrong_integrity_learns_nothing() -> None:
    table, agent = opened()
    verdict = receive(table, check(agent.current.ufrag, "x" * 24, nominate=True), b"A", 1.0)
    assert verdict.outcome is Outcome.REFUSED
    assert verdict.agent is None
    assert verdict.response is not None
    answer = stun.parse(verdict.response)
    assert answer.attributes[Attribute.ERROR_CODE][:4] == b"\x00\x00\x04\x01"
    assert (agent.address, agent.addresses, agent.heard_s) == (None, {}, None)
    assert agent.deadline_s == CONSENT_S


def test_missing_integrity_username_or_fingerprint_learns_nothing() -> None:
    table, agent = opened()
    right = check(agent.current.ufrag, agent.current.pwd)
    bare = stun.build(
        MessageType.REQUEST,
        TRANSACTION,
        {Attribute.USERNAME: f"{agent.current.ufrag}:r".encode()},
        None,
    )
    nameless = stun.build(MessageType.REQUEST, TRANSACTION, {}, agent.current.pwd)
    cut = right[:2] + (len(right) - 28).to_bytes(2, "big") + right[4:-8]
    for data in (bare, nameless, cut):
        verdict = receive(table, data, b"A", 1.0)
        assert verdict.outcome is Outcome.REFUSED
        assert verdict.response is not None
        answer = stun.parse(verdict.response)
        assert answer.attributes[Attribute.ERROR_CODE][:4] == b"\x00\x00\x04\x00"
    assert (agent.address, agent.addresses, agent.heard_s) == (None, {}, None)


def test_strangers_get_a_bounded_number_of_answers_and_no_state() -> None:
    table, agent = opened()
    answers = 0
    for number in range(1000):
        verdict = receive(table, check("nobody", "x" * 24), number.to_bytes(8, "big"), 5.0)
        assert verdict.outcome is Outcome.REFUSED
        answers += verdict.response is not None
    assert answers == REFUSALS_PER_S
    assert len(table) == 1
    assert agent.addresses == {}
    later = receive(table, check("nobody", "x" * 24), b"B", 6.0)
    assert later.response is not None


def test_a_peer_that_says_it_is_controlled_is_told_of_the_conflict() -> None:
    table, agent = opened()
    data = check(agent.current.ufrag, agent.current.pwd, role=Attribute.ICE_CONTROLLED)
    verdict = receive(table, data, b"A", 1.0)
    assert verdict.response is not None
    assert stun.parse(verdict.response).attributes[Attribute.ERROR_CODE][:4] == b"\0\0\x04\x57"
    assert agent.heard_s is None


def test_an_unknown_required_attribute_is_refused_by_name() -> None:
    table, agent = opened()
    unknown = Attribute.UNKNOWN_ATTRIBUTES
    raw = stun.build(
        MessageType.REQUEST,
        TRANSACTION,
        {Attribute.USERNAME: f"{agent.current.ufrag}:r".encode(), 0x0015: b"nonc"},  # type: ignore[dict-item]
        agent.current.pwd,
    )
    verdict = receive(table, raw, b"A", 1.0)
    assert verdict.response is not None
    assert stun.parse(verdict.response).attributes[unknown] == b"\x00\x15"


def test_the_latest_nominated_address_is_latched() -> None:
    table, agent = opened()
    plain = check(agent.current.ufrag, agent.current.pwd)
    nominating = check(agent.current.ufrag, agent.current.pwd, nominate=True)
    receive(table, plain, b"A", 0.0)
    assert agent.address == b"A"
    receive(table, nominating, b"B", 0.1)
    assert agent.address == b"B"
    receive(table, plain, b"A", 0.2)
    assert agent.address == b"B"
    receive(table, nominating, b"C", 9.0)
    assert agent.address == b"C"


def test_a_nat_that_rebinds_moves_the_peer_once_the_old_address_is_silent() -> None:
    table, agent = opened()
    receive(table, check(agent.current.ufrag, agent.current.pwd, nominate=True), b"A", 0.0)
    plain = check(agent.current.ufrag, agent.current.pwd)
    receive(table, plain, b"B", SILENT_NOMINEE_S)
    assert agent.address == b"A"
    receive(table, plain, b"B", SILENT_NOMINEE_S + 0.1)
    assert agent.address == b"B"


def test_verified_addresses_are_bounded_and_keep_the_nominated_one() -> None:
    table, agent = opened()
    receive(table, check(agent.current.ufrag, agent.current.pwd, nominate=True), b"A", 0.0)
    plain = check(agent.current.ufrag, agent.current.pwd)
    for number in range(20):
        receive(table, plain, bytes([number]), 0.01 * number)
    assert len(agent.addresses) == MAX_ADDRESSES
    assert agent.address == b"A"
    assert b"A" in agent.addresses


def test_restart_keeps_the_old_credentials_until_the_new_are_used() -> None:
    table, agent = opened()
    old = agent.current
    unused = table.restart(agent)
    new = table.restart(agent)
    assert receive(table, check(unused.ufrag, unused.pwd), b"A", 1.0).agent is None
    assert receive(table, check(old.ufrag, old.pwd), b"A", 1.0).agent is agent
    assert agent.current is new
    assert receive(table, check(new.ufrag, new.pwd), b"A", 1.1).agent is agent
    assert receive(table, check(old.ufrag, old.pwd), b"A", 1.2).agent is None
    assert len(table) == 1


def test_consent_runs_out_thirty_seconds_after_the_last_check() -> None:
    table, agent = opened(now=100.0)
    assert agent.deadline_s == 130.0
    receive(table, check(agent.current.ufrag, agent.current.pwd), b"A", 112.5)
    assert agent.deadline_s == 142.5


def test_authenticated_media_is_a_sign_of_life_and_moves_nobody() -> None:
    _, agent = opened(now=100.0)
    agent.hear(b"A", nominated=True, now=101.0)
    agent.alive(120.0)
    assert agent.deadline_s == 150.0
    assert (agent.address, agent.addresses) == (b"A", {b"A": 101.0})


def test_closed_agents_are_forgotten() -> None:
    table, agent = opened()
    table.restart(agent)
    table.close(agent)
    assert len(table) == 0
