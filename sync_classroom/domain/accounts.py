"""People, devices and their credentials, as values; only hashes of secrets are ever kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from .ids import ClassroomId, SchoolId, TeacherId, TerminalId, UserId


class Role(StrEnum):
    """What a signed-in person may do; `device` is a classroom terminal, never a person."""

    ADMIN = "admin"
    TEACHER = "teacher"
    REVIEWER = "reviewer"
    OPERATOR = "operator"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class User:
    """An account. `password_hash` is an argon2id encoded string and never leaves the server."""

    id: UserId
    login: str
    name: str
    role: Role
    password_hash: str
    language: str = "zh"
    school: SchoolId | None = None
    teacher: TeacherId | None = None
    disabled_at: datetime | None = None
    created_at: datetime | None = None
    last_sign_in_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A browser session, found by the SHA-256 of its cookie."""

    token_hash: bytes
    user: UserId
    created_at: datetime
    expires_at: datetime
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class Terminal:
    """An enrolled classroom device, found by the SHA-256 of its token."""

    id: TerminalId
    classroom: ClassroomId
    token_hash: bytes
    enrolled_at: datetime
    label: str = ""
    revoked_at: datetime | None = None
    last_seen_at: datetime | None = None
    page_version: str = ""
    selfcheck: Mapping[str, Any] | None = None
    selfcheck_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class EnrolmentCode:
    """A one-use code that turns a browser into a classroom's terminal."""

    code_hash: bytes
    classroom: ClassroomId
    created_by: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RosterChange:
    """How many rows a roster load added, changed and left alone, by kind of thing.

    `kept` rows differ from the file because a person has edited them since; they stay as they are.
    """

    added: Mapping[str, int]
    updated: Mapping[str, int]
    unchanged: Mapping[str, int]
    kept: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lease:
    """The scheduler's lease: who leads, until when (database clock), and how often it changed."""

    holder: str
    epoch: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class AccessEntry:
    """Somebody looked at or took away something: `what` is a kind, `target` which of it."""

    seq: int
    at: datetime
    actor: str
    what: str
    target: str
