"""Tables of people, their sessions, classroom terminals and calendar feeds: who may come in."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from .columns import Instant, document, ordered_text
from .tables import metadata

enrolment_codes = Table(
    "enrolment_codes",
    metadata,
    Column("code_hash", LargeBinary, primary_key=True),
    Column("classroom", ordered_text(), ForeignKey("classrooms.id"), nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
)

terminals = Table(
    "terminals",
    metadata,
    Column("id", ordered_text(), primary_key=True),
    Column("classroom", ordered_text(), ForeignKey("classrooms.id"), nullable=False),
    Column("token_hash", LargeBinary, nullable=False),
    Column("enrolled_at", Instant, nullable=False),
    Column("label", Text, nullable=False),
    Column("revoked_at", Instant),
    Column("last_seen_at", Instant),
    Column("page_version", Text, nullable=False),
    Column("selfcheck", document()),
    Column("selfcheck_at", Instant),
    UniqueConstraint("token_hash"),
    # A classroom has at most one device in use; the rule holds even if a caller forgets it.
    Index(
        "ix_terminals_in_use",
        "classroom",
        unique=True,
        sqlite_where=text("revoked_at IS NULL"),
        postgresql_where=text("revoked_at IS NULL"),
    ),
)

# What a room could not put right by itself. No foreign keys: rooms and lessons may go, a call
# stays what it was. `state` is what terminal and server knew of the room at that moment.
help_calls = Table(
    "help_calls",
    metadata,
    Column("id", ordered_text(), primary_key=True),
    Column("classroom", ordered_text(), nullable=False),
    Column("terminal", ordered_text(), nullable=False),
    Column("lesson", ordered_text()),
    Column("at", Instant, nullable=False),
    Column("text", Text, nullable=False),
    Column("state", document(), nullable=False),
    Column("answered_by", Text),
    Column("answered_at", Instant),
    Index(None, "classroom", "at"),
    Index(None, "at"),
)

users = Table(
    "users",
    metadata,
    Column("id", ordered_text(), primary_key=True),
    Column("login", Text, nullable=False),
    Column("login_folded", ordered_text(), nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("school", ordered_text(), ForeignKey("schools.id")),
    Column("teacher", ordered_text(), ForeignKey("teachers.id")),
    Column("disabled_at", Instant),
    Column("created_at", Instant),
    Column("last_sign_in_at", Instant),
    UniqueConstraint("login_folded"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("user", ordered_text(), ForeignKey("users.id"), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("user_agent", Text, nullable=False),
    Index(None, "user"),
    Index(None, "expires_at"),
)

# A calendar's secret address; `target` is a classroom, teacher or school, whichever `kind` says.
feeds = Table(
    "feeds",
    metadata,
    Column("id", ordered_text(), primary_key=True),
    Column("token_hash", LargeBinary, nullable=False),
    Column("kind", Text, nullable=False),
    Column("target", ordered_text(), nullable=False),
    Column("language", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("made_by", ordered_text(), ForeignKey("users.id"), nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("used_at", Instant),
    Column("revoked_at", Instant),
    UniqueConstraint("token_hash"),
)
