"""Tables of how a plan comes about: drafts, versions, the history of lessons, who was told; and
what is ordered beside it: pushes."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
)

from .columns import Instant, document, ordered_text, row_number
from .tables import metadata

# `revision` counts everything that was done to the draft or, while there is one, to its plan.
drafts = Table(
    "drafts",
    metadata,
    Column("term", ordered_text(), ForeignKey("terms.id"), primary_key=True),
    Column("revision", Integer, nullable=False),
)

# `document` is the step as `domain` writes it.
draft_steps = Table(
    "draft_steps",
    metadata,
    Column("term", ordered_text(), ForeignKey("drafts.term"), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("key", ordered_text(), nullable=False),
    Column("by", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("undone", Boolean, nullable=False),
    Column("document", document(), nullable=False),
    UniqueConstraint("term", "key"),
)

# What was done, by the revision it led to. `touched` is {"occurrences": [id], "series": [id]}.
draft_acts = Table(
    "draft_acts",
    metadata,
    Column("term", ordered_text(), ForeignKey("drafts.term"), primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("seq", Integer),
    Column("key", ordered_text(), nullable=False),
    Column("by", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("touched", document(), nullable=False),
    UniqueConstraint("term", "key"),
)

# Triggers refuse UPDATE and DELETE of versions and history. `counts` is {kind of change: how many}.
versions = Table(
    "versions",
    metadata,
    Column("no", Integer, primary_key=True, autoincrement=False),
    Column("term", ordered_text(), ForeignKey("terms.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("key", ordered_text(), nullable=False),
    Column("counts", document(), nullable=False),
    UniqueConstraint("key"),
)

# What a version changed, in order, one row a difference: a term's first version has thousands. Like
# the version it belongs to it is never changed. `beside` is the rule whose lessons come or go.
version_entries = Table(
    "version_entries",
    metadata,
    Column("version", Integer, ForeignKey("versions.no"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("series", ordered_text()),
    Column("beside", ordered_text()),
    Column("told", Boolean, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("entry", document(), nullable=False),
    Index(None, "series"),
)

# `old` and `new` hold what differs. `seq` is also how coordinators learn what changed in the plan:
# whoever writes here holds the booking lock, so a later row never has a smaller number.
occurrence_history = Table(
    "occurrence_history",
    metadata,
    Column("seq", row_number(), primary_key=True),
    Column("occurrence", ordered_text(), ForeignKey("occurrences.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("version", Integer, ForeignKey("versions.no")),
    Column("key", ordered_text(), nullable=False),
    Column("old", document()),
    Column("new", document()),
    Index(None, "occurrence"),
    Index(None, "key"),
)

# What one classroom or teacher (`kind`) is told of one act, and when that was told, shown, read.
notices = Table(
    "notices",
    metadata,
    Column("seq", row_number(), primary_key=True),
    Column("act", ordered_text(), nullable=False),
    Column("version", Integer, ForeignKey("versions.no")),
    Column("kind", Text, nullable=False),
    Column("addressee", ordered_text(), nullable=False),
    Column("at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("items", document(), nullable=False),
    Column("more", Integer, nullable=False),
    Column("told_at", Instant),
    Column("shown_at", Instant),
    Column("read_at", Instant),
    UniqueConstraint("act", "kind", "addressee"),
    Index(None, "kind", "addressee", "until"),
    Index(None, "version"),
)

# A push order with everyone it goes to, as it was given; its progress is facts.
pushes = Table(
    "pushes",
    metadata,
    Column("id", ordered_text(), primary_key=True),
    Column("key", ordered_text(), nullable=False),
    Column("resource", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("grade", Integer),
    Column("reason", Text, nullable=False),
    Column("ordered_at", Instant, nullable=False),
    UniqueConstraint("key"),
    Index(None, "ordered_at"),
)

push_targets = Table(
    "push_targets",
    metadata,
    Column("push", ordered_text(), ForeignKey("pushes.id"), primary_key=True),
    Column("id", ordered_text(), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("school", ordered_text(), ForeignKey("schools.id"), nullable=False),
    Column("classroom", ordered_text(), ForeignKey("classrooms.id"), nullable=True),
    Column("class", ordered_text(), ForeignKey("classes.id"), nullable=True),
    Column("teacher", ordered_text(), ForeignKey("teachers.id"), nullable=True),
    Index(None, "classroom"),
)
