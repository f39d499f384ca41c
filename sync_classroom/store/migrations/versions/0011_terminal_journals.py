"""Terminals' own journals, and what they came to beside the relay's evidence."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0011"
down_revision = "0010"


def upgrade(op: Operations) -> None:
    """Samples, opinions, their days' counts; a place for a seal among the facts."""
    op.add_column("facts", sa.Column("digest", sa.Text(), nullable=True))
    _samples(op)
    _opinions(op)


def _ordered() -> sa.Text:
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _samples(op: Operations) -> None:
    op.create_table(
        "terminal_samples",
        sa.Column("id", _ordered(), nullable=False),
        sa.Column("journal", _ordered(), nullable=False),
        sa.Column("occurrence", _ordered(), nullable=False),
        sa.Column("seat", _ordered(), nullable=False),
        sa.Column("from_at", sa.BigInteger(), nullable=False),
        sa.Column("to_at", sa.BigInteger(), nullable=False),
        sa.Column("clock_from", sa.BigInteger(), nullable=False),
        sa.Column("clock_to", sa.BigInteger(), nullable=False),
        sa.Column("measured", sa.Boolean(), nullable=False),
        sa.Column("moved_ms", sa.Integer(), nullable=False),
        sa.Column("frames", sa.BigInteger(), nullable=False),
        sa.Column("sound_bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_terminal_samples"),
    )
    op.create_index(
        "ix_terminal_samples_occurrence_seat", "terminal_samples", ["occurrence", "seat"]
    )
    op.create_index("ix_terminal_samples_journal", "terminal_samples", ["journal"])
    op.create_index("ix_terminal_samples_to_at", "terminal_samples", ["to_at"])


def _opinions(op: Operations) -> None:
    op.create_table(
        "second_opinions",
        sa.Column("occurrence", _ordered(), nullable=False),
        sa.Column("seat", _ordered(), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("classroom", _ordered(), nullable=False),
        sa.Column("verdict", _ordered(), nullable=False),
        sa.Column("observed_s", sa.Integer(), nullable=False),
        sa.Column("agreed_s", sa.Integer(), nullable=False),
        sa.Column("relay_only_s", sa.Integer(), nullable=False),
        sa.Column("terminal_only_s", sa.Integer(), nullable=False),
        sa.Column("unobserved_s", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("occurrence", "seat", name="pk_second_opinions"),
    )
    op.create_index("ix_second_opinions_date_verdict", "second_opinions", ["date", "verdict"])
    op.create_table(
        "opinion_days",
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("seats", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("date", "verdict", name="pk_opinion_days"),
    )
