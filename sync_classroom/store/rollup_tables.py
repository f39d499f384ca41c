"""Tables of what the facts came to: seats' results, sums of them, and what is yet to be counted."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Date, Index, Integer, Table, Text

from ..domain.rollup import ADDITIVE
from .columns import Instant, document, ordered_text, row_number
from .tables import metadata

# Lessons whose results may not be what plan and facts say now; written with whatever may have
# changed them, taken away with the new results. A number is never used again: whoever takes rows
# away takes those it has seen.
stale_results = Table(
    "stale_results",
    metadata,
    Column("seq", row_number(), primary_key=True),
    Column("occurrence", ordered_text(), nullable=False),
    sqlite_autoincrement=True,
)

# Lessons that could not be counted: when that was last tried, and what went wrong. A row goes when
# its lesson is counted.
lessons_aside = Table(
    "lessons_aside",
    metadata,
    Column("occurrence", ordered_text(), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("error", Text, nullable=False),
)

# One row for each seat and version of the rules; see `domain.rollup.SeatResult`. No foreign keys:
# everything here is made again from plan and facts.
seat_results = Table(
    "seat_results",
    metadata,
    Column("rules", Integer, primary_key=True, autoincrement=False),
    Column("occurrence", ordered_text(), primary_key=True),
    Column("seat", ordered_text(), primary_key=True),
    Column("date", Date, nullable=False),
    Column("school", ordered_text(), nullable=False),
    Column("classroom", ordered_text(), nullable=False),
    Column("class", ordered_text()),
    Column("subject", ordered_text(), nullable=False),
    Column("host_school", ordered_text(), nullable=False),
    Column("teacher", ordered_text(), nullable=False),
    Column("periods", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("cause", Text),
    Column("credited_s", Integer, nullable=False),
    Column("adjusted_s", Integer, nullable=False),
    Column("window_s", Integer, nullable=False),
    Column("host_s", Integer, nullable=False),
    Column("present", Integer),
    Column("expected", Integer),
    Column("interacted", Boolean, nullable=False),
    Index(None, "rules", "date"),
    # A school's and a classroom's own page.
    Index(None, "rules", "school", "date"),
    Index(None, "rules", "classroom", "date"),
)

# Research meetings that count: `presence` is {teacher: [[from, to], …]} in seconds since 1970.
meeting_results = Table(
    "meeting_results",
    metadata,
    Column("occurrence", ordered_text(), primary_key=True),
    Column("date", Date, nullable=False),
    Column("presence", document(), nullable=False),
    Index(None, "date"),
)


def _span_key() -> list[Column[Any]]:
    """`span` is day, week or month and `start` its first day; `dim` says what `key` is."""
    return [
        Column("rules", Integer, primary_key=True, autoincrement=False),
        Column("span", ordered_text(), primary_key=True),
        Column("start", Date, primary_key=True),
        Column("dim", ordered_text(), primary_key=True),
        Column("key", ordered_text(), primary_key=True),
    ]


# Sums of seats by whole days, ISO weeks and months; see `domain.rollup.Tally`.
rollups = Table(
    "rollups",
    metadata,
    *_span_key(),
    *(Column(name, BigInteger, nullable=False) for name in ADDITIVE),
)

# The classes with a held seat, with where and by whom they were taught, and the largest head count
# (or none). Sums of pupils in any group are made of these: a class counts once in each.
rollup_classes = Table(
    "rollup_classes",
    metadata,
    Column("rules", Integer, primary_key=True, autoincrement=False),
    Column("span", ordered_text(), primary_key=True),
    Column("start", Date, primary_key=True),
    Column("school", ordered_text(), primary_key=True),
    Column("classroom", ordered_text(), primary_key=True),
    Column("class", ordered_text(), primary_key=True),
    Column("subject", ordered_text(), primary_key=True),
    Column("host_school", ordered_text(), primary_key=True),
    Column("teacher", ordered_text(), primary_key=True),
    Column("present", Integer),
)

# Each class once in each whole week, for the pupils reached week by week.
rollup_week_classes = Table(
    "rollup_week_classes",
    metadata,
    Column("rules", Integer, primary_key=True, autoincrement=False),
    Column("start", Date, primary_key=True),
    Column("class", ordered_text(), primary_key=True),
    Column("present", Integer),
)

# Days that have sums, and the weeks and months whose sums are those of their days.
rolled_spans = Table(
    "rolled_spans",
    metadata,
    Column("rules", Integer, primary_key=True, autoincrement=False),
    Column("span", ordered_text(), primary_key=True),
    Column("start", Date, primary_key=True),
)

# Versions of the rules from 2 on; version 1 are the rules the program came with.
rules_versions = Table(
    "rules_versions",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("key", ordered_text(), nullable=False, unique=True),
    Column("document", document(), nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
)

# One row, or none before the rules first changed: whose results are read, and those being made.
rules_in_force = Table(
    "rules_in_force",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, nullable=False),
    Column("building", Integer),
    Column("until", BigInteger, nullable=False),
)

# The facts' chain, a row for each day of arrival: `head` is over every fact up to `last_seq`.
fact_chain = Table(
    "fact_chain",
    metadata,
    Column("day", Date, primary_key=True),
    Column("first_seq", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("begins", Text, nullable=False),
    Column("head", Text, nullable=False),
)

# Who looked at or took away what; rows are added and never changed.
access_log = Table(
    "access_log",
    metadata,
    Column("seq", row_number(), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("actor", ordered_text(), nullable=False),
    Column("what", ordered_text(), nullable=False),
    Column("target", Text, nullable=False),
    Index(None, "at"),
)
