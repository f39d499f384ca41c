"""Tables of meetings while they go on: the stage, who is there, and guests' links."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from .columns import Instant, document, ordered_text
from .tables import metadata

# `places` is [[peer, microseconds since 1970] or null, …], one for each place.
meeting_stages = Table(
    "meeting_stages",
    metadata,
    Column("occurrence", ordered_text(), ForeignKey("occurrences.id"), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("places", document(), nullable=False),
    Column("screen", Text),
    Column("speaker", Text),
)

# A person is in one meeting at a time, with one page: the key says so.
meeting_presence = Table(
    "meeting_presence",
    metadata,
    Column("peer", ordered_text(), primary_key=True),
    Column("occurrence", ordered_text(), ForeignKey("occurrences.id"), nullable=False),
    Column("client", Text, nullable=False),
    Column("joined_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Index(None, "occurrence"),
)

# A link lets one guest in once; from then on the guest's browser holds the pass. Hashes alone are
# kept. `session` is the first plan's id.
meeting_guests = Table(
    "meeting_guests",
    metadata,
    Column("id", ordered_text(), primary_key=True),
    Column("session", ordered_text(), ForeignKey("occurrences.id"), nullable=False),
    Column("link_hash", LargeBinary, nullable=False),
    Column("label", Text, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("used_at", Instant),
    Column("name", Text),
    Column("pass_hash", LargeBinary),
    UniqueConstraint("link_hash"),
    UniqueConstraint("pass_hash"),
    Index(None, "session"),
)
