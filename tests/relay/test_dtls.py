"""DTLS-SRTP against OpenSSL and aiortc as clients, datagram by datagram."""

from __future__ import annotations

import time
from collections import deque

import pytest
from aiortc import RTCCertificate
from aiortc.rtcdtlstransport import SRTP_PROFILES
from cryptography.hazmat.primitives import hashes
from OpenSSL import SSL
from pylibsrtp import Policy, Session

from sync_classroom.relay.dtls import MTU, PROFILES, Certificate, Dtls, DtlsError, Profile

WRONG = "sha-256", ":".join(["AB"] * 32)


class Client:
    """aiortc's own client context, driven by hand."""

    def __init__(self, profiles: list[str] | None = None) -> None:
        self.certificate = RTCCertificate.generateCertificate()
        chosen = [
            p for p in SRTP_PROFILES if not profiles or p.openssl_profile.decode() in profiles
        ]
        self.connection = SSL.Connection(self.certificate._create_ssl_context(chosen))
        self.connection.set_connect_state()
        self.done = False

    @property
    def fingerprints(self) -> list[tuple[str, str]]:
        return [(f.algorithm, f.value) for f in self.certificate.getFingerprints()]

    def step(self) -> bytes:
        """Go on; what is to be sent."""
        try:
            self.connection.do_handshake()
            self.done = True
        except SSL.WantReadError:
            pass
        try:
            return self.connection.bio_read(4096)
        except SSL.WantReadError:
            return b""


def handshake(
    client: Client, certificate: Certificate | None = None
) -> tuple[Dtls, list[bytes], deque[bytes]]:
    """The association, every datagram the relay sent, and those the client has not read."""
    sent: list[bytes] = []
    inbox: deque[bytes] = deque()

    def send(data: bytes) -> None:
        sent.append(data)
        inbox.append(data)

    dtls = Dtls(certificate or Certificate(), send)
    complete = dtls.handshake()
    for _ in range(8):
        if data := client.step():
            dtls.receive(data)
            complete = dtls.handshake()
        while inbox:
            client.connection.bio_write(inbox.popleft())
        if complete and client.done:
            break
    assert complete
    return dtls, sent, inbox


def test_both_sides_have_the_same_keys() -> None:
    client = Client()
    dtls, sent, _ = handshake(client)
    assert dtls.is_peer(client.fingerprints)
    profile = PROFILES[0]
    assert client.connection.get_selected_srtp_profile() == profile.name
    material = client.connection.export_keying_material(
        b"EXTRACTOR-dtls_srtp", 2 * (profile.key + profile.salt)
    )
    theirs, ours = profile.keys(material)
    assert len(theirs) == len(ours) == profile.key + profile.salt
    assert theirs != ours
    assert all(len(datagram) <= MTU for datagram in sent)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name.decode())
def test_media_passes_under_every_profile(profile: Profile) -> None:
    name = profile.name.decode()
    client = Client([name])
    dtls, _, _ = handshake(client)
    assert client.connection.get_selected_srtp_profile().decode() == name
    incoming, outgoing = dtls.sessions()
    packet = bytes.fromhex("806000010000000200000003") + b"payload"
    # The relay's own other half: what a client would have.
    material = client.connection.export_keying_material(
        b"EXTRACTOR-dtls_srtp",
        2 * (profile.key + profile.salt),
    )
    theirs, ours = profile.keys(material)
    number = profile.number
    sender = Session(Policy(key=theirs, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=number))
    receiver = Session(Policy(key=ours, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=number))
    assert incoming.unprotect(sender.protect(packet)) == packet
    assert receiver.unprotect(outgoing.protect(packet)) == packet


def test_a_client_without_srtp_has_no_keys() -> None:
    client = Client()
    plain = SSL.Context(SSL.DTLS_METHOD)
    plain.use_certificate(client.certificate._cert)
    plain.use_privatekey(client.certificate._key)
    client.connection = SSL.Connection(plain)
    client.connection.set_connect_state()
    dtls, _, _ = handshake(client)
    with pytest.raises(DtlsError, match="profile"):
        dtls.sessions()


def test_the_peer_is_who_its_offer_says_and_nobody_else() -> None:
    client = Client()
    dtls, _, _ = handshake(client)
    right = client.fingerprints
    assert dtls.is_peer([right[0]])
    assert dtls.is_peer([(right[0][0], right[0][1].lower())])
    assert dtls.is_peer([*right, ("md5", "00")])
    assert not dtls.is_peer([WRONG])
    assert not dtls.is_peer([right[1], WRONG])
    assert not dtls.is_peer([("md5", "00")])
    assert not dtls.is_peer([])


def test_a_client_without_a_certificate_is_refused() -> None:
    context = SSL.Context(SSL.DTLS_METHOD)
    client = Client()
    client.connection = SSL.Connection(context)
    client.connection.set_connect_state()
    with pytest.raises((DtlsError, SSL.Error)):
        handshake(client)


def test_rubbish_is_no_handshake_and_ends_none() -> None:
    sent: list[bytes] = []
    dtls = Dtls(Certificate(), sent.append)
    for data in (b"\x16", b"\x16\xfe\xff" + bytes(60), bytes(range(20, 64)) * 20):
        assert dtls.receive(data) is False
        assert dtls.handshake() is False
    client = Client()
    inbox: deque[bytes] = deque()
    dtls, _, inbox = handshake(client)
    for data in (b"\x16", b"\x15\xfe\xfd" + bytes(12), b"\x17\xfe\xfd" + bytes(40)):
        assert dtls.receive(data) is False
    assert not inbox


def test_closing_is_told_and_heard() -> None:
    client = Client()
    dtls, sent, _ = handshake(client)
    client.connection.shutdown()
    assert dtls.receive(client.connection.bio_read(4096)) is True
    count = len(sent)
    dtls.close()
    assert len(sent) == count + 1
    silent: list[bytes] = []
    Dtls(Certificate(), silent.append).close()  # never shook hands: nobody to tell
    assert silent == []


def test_a_lost_flight_is_sent_again() -> None:
    client = Client()
    sent: list[bytes] = []
    dtls = Dtls(Certificate(), sent.append)
    assert dtls.timeout_s is None
    dtls.receive(client.step())
    assert dtls.handshake() is False
    flight = sum(map(len, sent))
    assert flight
    assert dtls.timeout_s is not None
    assert dtls.timeout_s <= 1.0
    while dtls.timeout_s:  # OpenSSL's own clock
        time.sleep(0.01)
    retransmitted_at = time.monotonic()
    dtls.retransmit()
    assert sum(map(len, sent)) == 2 * flight
    left_s = dtls.timeout_s or 0.0
    assert left_s <= 2.0 < left_s + time.monotonic() - retransmitted_at + 0.01  # twice as long


def test_one_certificate_serves_many_associations() -> None:
    certificate = Certificate()
    name, value = certificate.fingerprint
    assert (name, len(value.split(":"))) == ("sha-256", 32)
    for _ in range(3):
        client = Client()
        handshake(client, certificate)
        theirs = client.connection.get_peer_certificate(as_cryptography=True)
        assert theirs is not None
        assert theirs.fingerprint(hashes.SHA256()).hex(":").upper() == value
