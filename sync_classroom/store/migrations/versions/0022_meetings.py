"""Meetings: the stage, who is there, and guests' links."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0022"
down_revision = "0021"


def upgrade(op: Operations) -> None:
    """Three tables."""
    ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "meeting_stages",
        sa.Column("occurrence", ordered, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("places", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("screen", sa.Text(), nullable=True),
        sa.Column("speaker", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["occurrence"], ["occurrences.id"], name="fk_meeting_stages_occurrence"
        ),
        sa.PrimaryKeyConstraint("occurrence", name="pk_meeting_stages"),
    )
    op.create_table(
        "meeting_presence",
        sa.Column("peer", ordered, nullable=False),
        sa.Column("occurrence", ordered, nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("joined_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["occurrence"], ["occurrences.id"], name="fk_meeting_presence_occurrence"
        ),
        sa.PrimaryKeyConstraint("peer", name="pk_meeting_presence"),
    )
    op.create_index("ix_meeting_presence_occurrence", "meeting_presence", ["occurrence"])
    op.create_table(
        "meeting_guests",
        sa.Column("id", ordered, nullable=False),
        sa.Column("session", ordered, nullable=False),
        sa.Column("link_hash", sa.LargeBinary(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("pass_hash", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["session"], ["occurrences.id"], name="fk_meeting_guests_session"),
        sa.PrimaryKeyConstraint("id", name="pk_meeting_guests"),
        sa.UniqueConstraint("link_hash", name="uq_meeting_guests_link_hash"),
        sa.UniqueConstraint("pass_hash", name="uq_meeting_guests_pass_hash"),
    )
    op.create_index("ix_meeting_guests_session", "meeting_guests", ["session"])
