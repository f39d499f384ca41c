"""Recordings of lessons: whether one is wanted, where it stands, and its files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0003"
down_revision = "0002"


def upgrade(op: Operations) -> None:
    """Two tables beside the runs."""
    ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "recordings",
        sa.Column("occurrence", ordered, nullable=False),
        sa.Column("wanted", sa.Boolean(), nullable=True),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("folder", sa.Text(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.Column("disk_full", sa.Boolean(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["occurrence"], ["occurrences.id"], name="fk_recordings_occurrence"
        ),
        sa.PrimaryKeyConstraint("occurrence", name="pk_recordings"),
    )
    op.create_index("ix_recordings_state", "recordings", ["state"])
    op.create_table(
        "recorded_files",
        sa.Column("occurrence", ordered, nullable=False),
        sa.Column("name", ordered, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("container", sa.Text(), nullable=False),
        sa.Column("start_s", sa.Float(), nullable=False),
        sa.Column("duration_s", sa.Float(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("gaps", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("thumbnails", sa.JSON(none_as_null=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["occurrence"], ["recordings.occurrence"], name="fk_recorded_files_occurrence"
        ),
        sa.PrimaryKeyConstraint("occurrence", "name", name="pk_recorded_files"),
    )
