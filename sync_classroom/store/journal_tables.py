"""Tables of terminals' own journals, and of what they came to beside the relay's evidence."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Date, Index, Integer, Table, Text

from .columns import Instant, ordered_text
from .tables import metadata

# See `domain.terminal_journal.TerminalSample`. A fact of kind `terminal_journal` seals the samples
# of one `journal`. Triggers refuse UPDATE, and DELETE of what no cut of the retention rules covers.
terminal_samples = Table(
    "terminal_samples",
    metadata,
    Column("id", ordered_text(), primary_key=True),
    Column("journal", ordered_text(), nullable=False),
    Column("occurrence", ordered_text(), nullable=False),
    Column("seat", ordered_text(), nullable=False),
    Column("from_at", Instant, nullable=False),
    Column("to_at", Instant, nullable=False),
    Column("clock_from", Instant, nullable=False),
    Column("clock_to", Instant, nullable=False),
    Column("measured", Boolean, nullable=False),
    Column("moved_ms", Integer, nullable=False),
    Column("frames", BigInteger, nullable=False),
    Column("sound_bytes", BigInteger, nullable=False),
    Index(None, "occurrence", "seat"),
    Index(None, "journal"),
    Index(None, "to_at"),
)

# One row for each seat whose terminal noted anything; see `domain.second_opinion.SeatOpinion`. It
# outlives the samples it was made from.
second_opinions = Table(
    "second_opinions",
    metadata,
    Column("occurrence", ordered_text(), primary_key=True),
    Column("seat", ordered_text(), primary_key=True),
    Column("date", Date, nullable=False),
    Column("classroom", ordered_text(), nullable=False),
    Column("verdict", ordered_text(), nullable=False),
    Column("observed_s", Integer, nullable=False),
    Column("agreed_s", Integer, nullable=False),
    Column("relay_only_s", Integer, nullable=False),
    Column("terminal_only_s", Integer, nullable=False),
    Column("unobserved_s", Integer, nullable=False),
    Index(None, "date", "verdict"),
)

# How many seats of each date have each verdict.
opinion_days = Table(
    "opinion_days",
    metadata,
    Column("date", Date, primary_key=True),
    Column("verdict", Text, primary_key=True),
    Column("seats", Integer, nullable=False),
)
