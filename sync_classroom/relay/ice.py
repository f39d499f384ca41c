"""ICE-lite (RFC 8445): whom to answer, and which address a peer is reached at.

Pure: time is an argument. An address is an opaque key of the socket (`udp.py`). Nothing is learnt
from a message before its MESSAGE-INTEGRITY and FINGERPRINT have been verified.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from . import stun

CONSENT_S = 30.0
"""RFC 7675 5.1: with nothing authenticated for so long, the peer has gone. Its checks count, and
so do its SRTP and SRTCP: libnice (GStreamer) sends no check once it is connected."""
SILENT_NOMINEE_S = 4.0
"""A valid check from another address moves the peer there, even without USE-CANDIDATE, once the
nominated address has been silent this long: clients check a live pair every 2.5 to 5 s, and a NAT
that rebinds changes the address without the client's knowing."""
MAX_ADDRESSES = 8
"""Verified addresses kept per peer: interfaces of one machine times IPv4/IPv6; the oldest goes."""
REFUSALS_PER_S = 20.0
"""Error answers to unauthenticated senders, over all of them: enough for a person debugging, too
few to make the relay a reflector. One bucket, so strangers cost no state."""
UFRAG_BYTES = 6
PWD_BYTES = 18  # 24 characters; RFC 8445 5.3 asks for at least 128 bits


class Outcome(StrEnum):
    """What became of a STUN message; the endpoint counts them by name."""

    ANSWERED = "answered"
    REFUSED = "refused"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`agent` is set only when the message was authenticated as its peer's."""

    outcome: Outcome
    response: bytes | None = None
    agent: IceAgent | None = None


@dataclass(slots=True)
class Credentials:
    """One local username fragment and password."""

    ufrag: str
    pwd: str

    @classmethod
    def fresh(cls) -> Credentials:
        """Random credentials; the alphabet is a subset of ice-char (RFC 8839 5.4)."""
        return cls(secrets.token_hex(UFRAG_BYTES), secrets.token_hex(PWD_BYTES))


@dataclass(slots=True, eq=False)
class IceAgent:
    """Our lite side of one peer's transport.

    `address` is the latest nominated address; `addresses` every verified one, oldest first.
    """

    session: str
    credentials: list[Credentials]
    opened_s: float
    address: bytes | None = None
    addresses: dict[bytes, float] = field(default_factory=dict)
    heard_s: float | None = None

    @property
    def deadline_s(self) -> float:
        """When consent runs out (monotonic seconds)."""
        return (self.opened_s if self.heard_s is None else self.heard_s) + CONSENT_S

    @property
    def current(self) -> Credentials:
        """What the next answer should say."""
        return self.credentials[-1]

    def alive(self, now: float) -> None:
        """Media or reports of the peer have been authenticated: it is there."""
        self.heard_s = now

    def hear(self, address: bytes, nominated: bool, now: float) -> bool:
        """A verified check from `address`; returns whether the nominated address changed."""
        self.addresses.pop(address, None)
        self.addresses[address] = self.heard_s = now
        current = self.address
        silent = current is not None and now - self.addresses.get(current, 0) > SILENT_NOMINEE_S
        if current is None or nominated or silent:
            self.address = address
        if len(self.addresses) > MAX_ADDRESSES:
            oldest = next(key for key in self.addresses if key != self.address)
            del self.addresses[oldest]
        return self.address != current


class IceTable:
    """Every agent by its local username fragment: one look-up per message."""

    def __init__(self) -> None:
        self._agents: dict[str, tuple[IceAgent, Credentials]] = {}
        self._tokens = REFUSALS_PER_S
        self._tokens_at = 0.0

    def __len__(self) -> int:
        return len(self._agents)

    def open(self, session: str, now: float) -> IceAgent:
        """A new agent with fresh credentials."""
        agent = IceAgent(session, [], now)
        self.restart(agent)
        return agent

    def restart(self, agent: IceAgent) -> Credentials:
        """Give the agent new credentials; the old ones work until the new are used.

        A second restart before the first was used replaces the unused ones.
        """
        while len(agent.credentials) > 1:
            self._agents.pop(agent.credentials.pop().ufrag, None)
        credentials = Credentials.fresh()
        agent.credentials.append(credentials)
        self._agents[credentials.ufrag] = (agent, credentials)
        return credentials

    def close(self, agent: IceAgent) -> None:
        """Forget the agent and all its credentials."""
        for credentials in agent.credentials:
            self._agents.pop(credentials.ufrag, None)

    def receive(
        self, data: bytes, address: bytes, host_port: Callable[[], tuple[str, int]], now: float
    ) -> Verdict:
        """Judge one datagram that looks like STUN.

        `host_port` tells the sender's IP and port, asked only when an answer needs it. Raises
        ValueError for malformed messages.
        """
        message = stun.parse(data)
        if message.kind is not stun.MessageType.REQUEST:
            return Verdict(Outcome.IGNORED)  # indications need no answer; a lite agent asks nothing
        username = message.username
        if username is None or message.integrity_at is None or not message.fingerprinted:
            return self._refuse(message, 400, now)
        agent, credentials = self._agents.get(username.partition(":")[0], (None, None))
        if agent is None or credentials is None or not message.integrity_is(credentials.pwd):
            return self._refuse(message, 401, now)
        if unknown := message.unknown_required:
            response = stun.error(message.transaction, 420, credentials.pwd, unknown)
            return Verdict(Outcome.REFUSED, response)
        if stun.Attribute.ICE_CONTROLLED in message.attributes:
            # RFC 8445 6.1.1: facing a lite agent the full one controls; 7.3.1.1: tell it so.
            response = stun.error(message.transaction, 487, credentials.pwd)
            return Verdict(Outcome.REFUSED, response)
        while agent.credentials[0] is not credentials:
            self._agents.pop(agent.credentials.pop(0).ufrag, None)  # the new ones are in use
        agent.hear(address, stun.Attribute.USE_CANDIDATE in message.attributes, now)
        host, port = host_port()
        response = stun.success(message.transaction, host, port, credentials.pwd)
        return Verdict(Outcome.ANSWERED, response, agent)

    def _refuse(self, message: stun.Message, code: int, now: float) -> Verdict:
        earned = (now - self._tokens_at) * REFUSALS_PER_S
        self._tokens = min(REFUSALS_PER_S, self._tokens + max(0.0, earned))
        self._tokens_at = now
        if self._tokens < 1:
            return Verdict(Outcome.REFUSED)
        self._tokens -= 1
        return Verdict(Outcome.REFUSED, stun.error(message.transaction, code))
