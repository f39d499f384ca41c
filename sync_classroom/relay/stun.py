"""STUN messages as far as an ICE-lite agent needs them (RFC 8489, RFC 8445).

Pure: bytes in, values out. Nothing here decides whom to believe; `ice.py` does.
"""

from __future__ import annotations

import binascii
import hmac
import ipaddress
import struct
from dataclasses import dataclass
from enum import IntEnum

HEADER_LENGTH = 20
MAGIC_COOKIE = 0x2112A442
_FINGERPRINT_XOR = 0x5354554E  # RFC 8489 14.7
_INTEGRITY_LENGTH = 24  # attribute header and 20 bytes of HMAC-SHA1
_FINGERPRINT_LENGTH = 8
MAX_ATTRIBUTES = 32
"""A browser's check carries seven; more than this is not read, the message is malformed."""

_HEADER = struct.Struct(">HHI12s")
_ATTRIBUTE = struct.Struct(">HH")


class MessageType(IntEnum):
    """The four classes of the Binding method (RFC 8489 section 5)."""

    REQUEST = 0x0001
    INDICATION = 0x0011
    SUCCESS = 0x0101
    ERROR = 0x0111


class Attribute(IntEnum):
    """Attributes this agent understands; the first eight bits decide whether one must be."""

    USERNAME = 0x0006
    MESSAGE_INTEGRITY = 0x0008
    ERROR_CODE = 0x0009
    UNKNOWN_ATTRIBUTES = 0x000A
    XOR_MAPPED_ADDRESS = 0x0020
    PRIORITY = 0x0024
    USE_CANDIDATE = 0x0025
    FINGERPRINT = 0x8028
    ICE_CONTROLLED = 0x8029
    ICE_CONTROLLING = 0x802A


_UNDERSTOOD = frozenset(int(attribute) for attribute in Attribute)
_COMPREHENSION_OPTIONAL = 0x8000  # RFC 8489 14: 0x8000-0xFFFF may be ignored

ERROR_REASONS = {
    400: "Bad Request",
    401: "Unauthenticated",
    420: "Unknown Attribute",
    487: "Role Conflict",
}


@dataclass(frozen=True, slots=True)
class Message:
    """A well-formed STUN message whose FINGERPRINT, if it has one, is right.

    `integrity_at` is the offset of MESSAGE-INTEGRITY in `raw`, or None. Attributes behind it are
    not in `attributes` (RFC 8489 14.5: they are not protected and must be ignored).
    """

    kind: MessageType
    transaction: bytes
    attributes: dict[int, bytes]
    integrity_at: int | None
    fingerprinted: bool
    raw: bytes

    @property
    def username(self) -> str | None:
        """USERNAME, `local fragment:remote fragment` in ICE; None if absent or not UTF-8."""
        value = self.attributes.get(Attribute.USERNAME)
        if value is None:
            return None
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return None

    @property
    def unknown_required(self) -> tuple[int, ...]:
        """Comprehension-required attributes that are not understood (RFC 8489 6.3.1)."""
        return tuple(
            kind
            for kind in self.attributes
            if kind < _COMPREHENSION_OPTIONAL and kind not in _UNDERSTOOD
        )

    def integrity_is(self, password: str) -> bool:
        """Whether MESSAGE-INTEGRITY is there and was made with `password` (RFC 8489 14.5)."""
        if self.integrity_at is None:
            return False
        # The HMAC covers the message up to the attribute, with a length that ends behind it.
        end = self.integrity_at + _INTEGRITY_LENGTH
        covered = (
            self.raw[:2] + struct.pack(">H", end - HEADER_LENGTH) + self.raw[4 : self.integrity_at]
        )
        expected = hmac.digest(password.encode(), covered, "sha1")
        return hmac.compare_digest(expected, self.raw[self.integrity_at + 4 : end])


def is_stun(data: bytes) -> bool:
    """Whether a datagram can be STUN: first two bits zero and the magic cookie (RFC 7983)."""
    return len(data) >= HEADER_LENGTH and data[0] < 4 and data[4:8] == b"\x21\x12\xa4\x42"


def parse(data: bytes) -> Message:
    """Read one STUN message; raises ValueError for anything malformed or wrongly fingerprinted."""
    if len(data) < HEADER_LENGTH:
        raise ValueError("shorter than a STUN header")
    kind, length, cookie, transaction = _HEADER.unpack_from(data)
    if cookie != MAGIC_COOKIE:
        raise ValueError("no magic cookie")
    if length % 4 or length != len(data) - HEADER_LENGTH:
        raise ValueError(f"length {length} does not fit a datagram of {len(data)} bytes")
    try:
        message_type = MessageType(kind)
    except ValueError:
        raise ValueError(f"not a Binding message: 0x{kind:04x}") from None
    attributes: dict[int, bytes] = {}
    integrity_at: int | None = None
    fingerprinted = False
    position, count = HEADER_LENGTH, 0
    while position < len(data):
        count += 1
        if count > MAX_ATTRIBUTES:
            raise ValueError("too many attributes")
        name, size = _ATTRIBUTE.unpack_from(data, position)
        value = data[position + 4 : position + 4 + size]
        if len(value) < size:
            raise ValueError(f"attribute 0x{name:04x} is truncated")
        if name == Attribute.FINGERPRINT:
            _check_fingerprint(data, position, size, value)
            fingerprinted = True
        elif integrity_at is not None:
            pass
        elif name == Attribute.MESSAGE_INTEGRITY:
            if size != _INTEGRITY_LENGTH - 4:
                raise ValueError("MESSAGE-INTEGRITY is not 20 bytes")
            integrity_at = position
        else:
            attributes.setdefault(name, value)  # RFC 8489 14: of duplicates the first counts
        position += 4 + size + (-size % 4)
    return Message(message_type, transaction, attributes, integrity_at, fingerprinted, data)


def _check_fingerprint(data: bytes, position: int, size: int, value: bytes) -> None:
    if size != 4 or position + _FINGERPRINT_LENGTH != len(data):
        raise ValueError("FINGERPRINT is not the last attribute")
    expected = binascii.crc32(data[:position]) ^ _FINGERPRINT_XOR
    if int.from_bytes(value, "big") != expected:
        raise ValueError("FINGERPRINT is wrong")


def success(transaction: bytes, host: str, port: int, password: str) -> bytes:
    """A Binding success response telling the sender its address, with both checks."""
    address = ipaddress.ip_address(host)
    mask = struct.pack(">I", MAGIC_COOKIE) + transaction
    family = 1 if address.version == 4 else 2
    value = struct.pack(">BBH", 0, family, port ^ (MAGIC_COOKIE >> 16))
    value += bytes(a ^ b for a, b in zip(address.packed, mask, strict=False))
    return build(MessageType.SUCCESS, transaction, {Attribute.XOR_MAPPED_ADDRESS: value}, password)


def error(
    transaction: bytes, code: int, password: str | None = None, unknown: tuple[int, ...] = ()
) -> bytes:
    """A Binding error response; with MESSAGE-INTEGRITY only where a password is agreed on."""
    reason = ERROR_REASONS[code].encode()
    attributes = {Attribute.ERROR_CODE: struct.pack(">HBB", 0, code // 100, code % 100) + reason}
    if unknown:
        names = unknown[:MAX_ATTRIBUTES]
        attributes[Attribute.UNKNOWN_ATTRIBUTES] = struct.pack(f">{len(names)}H", *names)
    return build(MessageType.ERROR, transaction, attributes, password)


def build(
    kind: MessageType,
    transaction: bytes,
    attributes: dict[Attribute, bytes],
    password: str | None,
) -> bytes:
    """Serialise a message with MESSAGE-INTEGRITY (if `password`) and FINGERPRINT."""
    body = b"".join(
        _ATTRIBUTE.pack(name, len(value)) + value + bytes(-len(value) % 4)
        for name, value in attributes.items()
    )

    def header(length: int) -> bytes:
        return _HEADER.pack(kind, length, MAGIC_COOKIE, transaction)

    if password is not None:
        covered = header(len(body) + _INTEGRITY_LENGTH) + body
        mac = hmac.digest(password.encode(), covered, "sha1")
        body += _ATTRIBUTE.pack(Attribute.MESSAGE_INTEGRITY, len(mac)) + mac
    message = header(len(body) + _FINGERPRINT_LENGTH) + body
    crc = binascii.crc32(message) ^ _FINGERPRINT_XOR
    return message + _ATTRIBUTE.pack(Attribute.FINGERPRINT, 4) + struct.pack(">I", crc)
