"""Tables of the resource library."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
)

from .columns import Instant, document, ordered_text
from .tables import metadata

# A resource keeps its row when it is deleted: who, when and why.
resources = Table(
    "resources",
    metadata,
    Column("id", ordered_text(), primary_key=True),
    Column("title", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("grade", Integer),
    Column("lesson", ordered_text(), ForeignKey("occurrences.id")),
    Column("teacher", ordered_text(), ForeignKey("teachers.id")),
    Column("note", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", Text, nullable=False),
    Column("deleted_at", Instant),
    Column("deleted_by", Text),
    Column("delete_reason", Text),
    Index(None, "at"),
    Index(None, "lesson"),
)

# `key` is of the request that brought the file; `file` its name in the library's folder; `cut` is
# [lesson, file, from_s, to_s] of what was cut from a recording.
resource_versions = Table(
    "resource_versions",
    metadata,
    Column("resource", ordered_text(), ForeignKey("resources.id"), primary_key=True),
    Column("no", Integer, primary_key=True, autoincrement=False),
    Column("key", ordered_text(), nullable=False),
    Column("file", ordered_text(), nullable=False),
    Column("name", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", Text, nullable=False),
    Column("duration_s", Float),
    Column("cut", document()),
    UniqueConstraint("key"),
    UniqueConstraint("file"),
)
