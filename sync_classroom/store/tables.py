"""The tables, as the newest migration leaves them; drafts and accounts have files of their own.

A test compares the two on both engines.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from .columns import Instant, document, ordered_text, row_number

# No lesson is longer than a day. With that known, "which lessons touch this window?" is a bounded
# walk along the index on the start instead of a scan of everything before the window's end.
LONGEST_OCCURRENCE_H: Final = 24
LONGEST_OCCURRENCE_US: Final = LONGEST_OCCURRENCE_H * 3_600_000_000

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _key(name: str = "id") -> Column[Any]:
    return Column(name, ordered_text(), primary_key=True)


def _ref(name: str, target: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, ordered_text(), ForeignKey(target), nullable=nullable)


# ---------------------------------------------------------------------------- roster

# One row: what holds for the whole programme.
programme = Table(
    "programme",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("timezone", Text, nullable=False),
    Column("target_classrooms", Integer, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)

# One row in a database of simulated data and none in any other; it is never taken away again.
simulation = Table(
    "simulation",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seed", BigInteger, nullable=False),
    Column("until", Date, nullable=False),
    Column("marked_at", Instant, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)

schools = Table(
    "schools",
    metadata,
    _key(),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("joined_on", Date, nullable=False),
    Column("left_on", Date),
)

classrooms = Table(
    "classrooms",
    metadata,
    _key(),
    _ref("school", "schools.id"),
    Column("name", Text, nullable=False),
    Column("commissioned_on", Date, nullable=False),
    Column("retired_on", Date),
    Column("capacity", Integer),
)

classes = Table(
    "classes",
    metadata,
    _key(),
    _ref("school", "schools.id"),
    Column("grade", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("enrolment", Integer, nullable=False),
)

teachers = Table(
    "teachers",
    metadata,
    _key(),
    _ref("school", "schools.id"),
    Column("name", Text, nullable=False),
)

terms = Table(
    "terms",
    metadata,
    _key(),
    Column("name", Text, nullable=False),
    Column("week1_monday", Date, nullable=False),
    Column("first_day", Date, nullable=False),
    Column("last_day", Date, nullable=False),
    CheckConstraint("first_day <= last_day", name="days_in_order"),
)

# `periods` is [[no, "HH:MM[:SS]", "HH:MM[:SS]"], …]: a bell set is read and replaced whole.
bell_sets = Table(
    "bell_sets",
    metadata,
    _key(),
    _ref("school", "schools.id"),
    Column("periods", document(), nullable=False),
    Column("name", Text),
    Column("valid_from", Date),
    Column("valid_to", Date),
)

# `id` is "school/date" or "*/date": a null school cannot be part of a key that both engines agree
# upon.
day_exceptions = Table(
    "day_exceptions",
    metadata,
    _key(),
    _ref("school", "schools.id", nullable=True),
    Column("date", Date, nullable=False),
    Column("teaching", Boolean, nullable=False),
    Column("follows_weekday", Integer),
    Column("follows_week", Integer),
    _ref("bell_set", "bell_sets.id", nullable=True),
    Column("reason", Text),
)

# What people changed of terms, bell sets and days, for ever: rows are added and never touched.
# `subject` is the id of the row; whatever stands here is not overwritten by a roster file.
calendar_edits = Table(
    "calendar_edits",
    metadata,
    Column("number", row_number(), primary_key=True),
    Column("key", ordered_text(), nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("kind", ordered_text(), nullable=False),
    Column("subject", ordered_text(), nullable=False),
    _ref("school", "schools.id", nullable=True),
    Column("old", document()),
    Column("new", document()),
    UniqueConstraint("key"),
    Index(None, "kind", "subject"),
)

# ---------------------------------------------------------------------------- timetable

# A published weekly rule, read and replaced whole.
series = Table(
    "series",
    metadata,
    _key(),
    _ref("term", "terms.id"),
    Column("document", document(), nullable=False),
    Index(None, "term"),
)

# `key` is the idempotency key of the request that made the row. `series` outlives its rule, so it
# refers to none; `moved_from` is the other end of a change record's `to`, which has the key.
occurrences = Table(
    "occurrences",
    metadata,
    _key(),
    Column("key", ordered_text(), nullable=False),
    Column("mode", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("date", Date, nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("periods", Integer, nullable=False),
    _ref("host_school", "schools.id"),
    _ref("host_classroom", "classrooms.id"),
    _ref("host_teacher", "teachers.id"),
    _ref("host_class", "classes.id", nullable=True),
    Column("grade", Integer),
    _ref("term", "terms.id", nullable=True),
    Column("series", ordered_text()),
    Column("slot_date", Date),
    Column("slot_own", Boolean),
    Column("moved_from", ordered_text()),
    UniqueConstraint("key"),
    CheckConstraint("ends_at > starts_at", name="ends_after_start"),
    CheckConstraint(f"ends_at - starts_at <= {LONGEST_OCCURRENCE_US}", name="within_a_day"),
    Index(None, "starts_at"),
    Index(None, "date"),
    Index(None, "series"),
)

seats = Table(
    "seats",
    metadata,
    Column("occurrence", ordered_text(), ForeignKey("occurrences.id"), primary_key=True),
    _key(),
    Column("position", Integer, nullable=False),
    _ref("classroom", "classrooms.id"),
    _ref("class", "classes.id", nullable=True),
    Column("expected", Integer),
    _ref("assistant", "teachers.id", nullable=True),
)

participants = Table(
    "participants",
    metadata,
    Column("occurrence", ordered_text(), ForeignKey("occurrences.id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    _ref("teacher", "teachers.id"),
)

# A change that was annulled (a lesson restored) stays, with who did so and why.
changes = Table(
    "changes",
    metadata,
    Column("seq", row_number(), primary_key=True),
    _ref("occurrence", "occurrences.id"),
    Column("key", ordered_text(), nullable=False),
    Column("kind", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("excused", Boolean, nullable=False),
    Column("seat", ordered_text()),
    _ref("to", "occurrences.id", nullable=True),
    Column("annulled_at", Instant),
    Column("annulled_by", Text),
    Column("annulled_reason", Text),
    ForeignKeyConstraint(["occurrence", "seat"], ["seats.occurrence", "seats.id"]),
    UniqueConstraint("occurrence", "key"),
)

# ---------------------------------------------------------------------------- lessons

runs = Table(
    "runs",
    metadata,
    Column("occurrence", ordered_text(), ForeignKey("occurrences.id"), primary_key=True),
    Column("state", Text, nullable=False),
    Column("opened_at", Instant),
    Column("live_at", Instant),
    Column("ended_at", Instant),
    Column("end_reason", Text),
    Column("extended_s", Integer, nullable=False),
    Column("host_lost_at", Instant),
    Column("version", Integer, nullable=False),
    Index(None, "state"),
)

# `hands` is [[seat, microseconds], …] in order; `present` is {seat: pupils}, `turns` {seat: times
# called on}; `questions` are as `lessons.py` writes them. NULL in lessons from before there were.
floors = Table(
    "floors",
    metadata,
    Column("occurrence", ordered_text(), ForeignKey("occurrences.id"), primary_key=True),
    Column("hands", document(), nullable=False),
    Column("called_on", ordered_text()),
    Column("called_at", Instant),
    Column("muted", Boolean, nullable=False),
    Column("quiet", Boolean, nullable=False, server_default=false()),
    Column("turns", document()),
    Column("questions", document()),
    Column("present", document(), nullable=False),
    Column("document", ordered_text()),
    Column("page", Integer),
    Column("version", Integer, nullable=False),
)

# `wanted` is what a person said of a lesson; the rest is the relay's account, None before there is
# one. `folder` is under the recordings' folder.
recordings = Table(
    "recordings",
    metadata,
    Column("occurrence", ordered_text(), ForeignKey("occurrences.id"), primary_key=True),
    Column("wanted", Boolean),
    Column("state", Text),
    Column("folder", Text),
    Column("started_at", Instant),
    Column("ended_at", Instant),
    Column("deleted_at", Instant),
    Column("disk_full", Boolean, nullable=False),
    Column("failure", Text),
    Index(None, "state"),
)

# Who had a recording begin or stop, numbered from 1.
recording_acts = Table(
    "recording_acts",
    metadata,
    Column("occurrence", ordered_text(), ForeignKey("occurrences.id"), primary_key=True),
    Column("no", Integer, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("by", Text, nullable=False),
    Column("wanted", Boolean, nullable=False),
)

# `gaps` is [[kind, from_s, to_s], …], `thumbnails` names of files.
recorded_files = Table(
    "recorded_files",
    metadata,
    Column("occurrence", ordered_text(), ForeignKey("recordings.occurrence"), primary_key=True),
    Column("name", ordered_text(), primary_key=True),
    Column("source", Text, nullable=False),
    Column("container", Text, nullable=False),
    Column("start_s", Float, nullable=False),
    Column("duration_s", Float, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", Text),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("gaps", document(), nullable=False),
    Column("thumbnails", document(), nullable=False),
)

# What rooms wrote to the teacher; `id` is the act that brought it.
room_messages = Table(
    "room_messages",
    metadata,
    Column("occurrence", ordered_text(), ForeignKey("occurrences.id"), primary_key=True),
    _key(),
    Column("seat", ordered_text(), nullable=False),
    Column("at", Instant, nullable=False),
    Column("text", Text, nullable=False),
)

# What people did to runs and floors of lessons that are not over: a repeat is not done again.
acts = Table(
    "acts",
    metadata,
    Column("occurrence", ordered_text(), ForeignKey("occurrences.id"), primary_key=True),
    _key(),
)

# ---------------------------------------------------------------------------- facts

# One wide table; which columns a kind uses is written in `facts.py`. No foreign keys: evidence is
# taken as it comes and never refused because a plan row is not there (yet). Triggers refuse UPDATE
# and DELETE.
facts = Table(
    "facts",
    metadata,
    Column("seq", row_number(), primary_key=True),
    Column("id", ordered_text(), nullable=False),
    Column("kind", Text, nullable=False),
    Column("occurrence", ordered_text()),
    Column("seat", ordered_text()),
    Column("teacher", ordered_text()),
    Column("relay", ordered_text()),
    Column("push", ordered_text()),
    Column("target", ordered_text()),
    Column("from_at", Instant, nullable=False),
    Column("to_at", Instant),
    Column("packets", BigInteger),
    Column("acked", BigInteger),
    Column("bytes", BigInteger),
    Column("present", Integer),
    Column("what", Text),
    Column("stated_at", Instant),
    Column("by", Text),
    Column("reason", Text),
    Column("received_at", Instant, nullable=False),
    Column("digest", Text),
    UniqueConstraint("id"),
    Index(None, "occurrence", "kind", "to_at"),
    Index(
        "ix_facts_push",
        "push",
        sqlite_where=text("push IS NOT NULL"),
        postgresql_where=text("push IS NOT NULL"),
    ),
    Index(
        "ix_facts_gap",
        "from_at",
        sqlite_where=text("kind = 'journal_gap'"),
        postgresql_where=text("kind = 'journal_gap'"),
    ),
)

journal_cursors = Table(
    "journal_cursors",
    metadata,
    _key("relay"),
    Column("position", Text, nullable=False),
    Column("moved_at", Instant, nullable=False),
)

# ---------------------------------------------------------------------------- lease

leases = Table(
    "leases",
    metadata,
    _key("name"),
    Column("holder", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("expires_at", Instant, nullable=False),
)
