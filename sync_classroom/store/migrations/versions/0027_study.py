"""Lesson study: what a session watches, and comments at moments of the lesson."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0027"
down_revision = "0026"


def upgrade(op: Operations) -> None:
    """Three tables."""
    ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "research_studies",
        sa.Column("session", ordered, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("lesson", ordered, nullable=True),
        sa.Column("file", sa.Text(), nullable=True),
        sa.Column("start_ms", sa.Integer(), nullable=False),
        sa.Column("end_ms", sa.Integer(), nullable=False),
        sa.Column("playing", sa.Boolean(), nullable=False),
        sa.Column("position_ms", sa.Integer(), nullable=False),
        sa.Column("rate", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["session"], ["occurrences.id"], name="fk_research_studies_session"
        ),
        sa.ForeignKeyConstraint(["lesson"], ["occurrences.id"], name="fk_research_studies_lesson"),
        sa.PrimaryKeyConstraint("session", name="pk_research_studies"),
    )
    op.create_table(
        "research_lessons",
        sa.Column("session", ordered, nullable=False),
        sa.Column("lesson", ordered, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["session"], ["occurrences.id"], name="fk_research_lessons_session"
        ),
        sa.ForeignKeyConstraint(["lesson"], ["occurrences.id"], name="fk_research_lessons_lesson"),
        sa.PrimaryKeyConstraint("session", "lesson", name="pk_research_lessons"),
    )
    op.create_table(
        "research_comments",
        sa.Column("session", ordered, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", ordered, nullable=False),
        sa.Column("lesson", ordered, nullable=False),
        sa.Column("mark_ms", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["session"], ["occurrences.id"], name="fk_research_comments_session"
        ),
        sa.ForeignKeyConstraint(["lesson"], ["occurrences.id"], name="fk_research_comments_lesson"),
        sa.PrimaryKeyConstraint("session", "number", name="pk_research_comments"),
        sa.UniqueConstraint("session", "key", name="uq_research_comments_session_key"),
    )
