"""Classes reached: one row for who sat where under whom, not one for each group it counts in.

And lessons that could not be counted.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0013"
down_revision = "0012"

_KEYS = ("school", "classroom", "class", "subject", "host_school", "teacher")


def upgrade(op: Operations) -> None:
    """The days are made again of the seats' results; weeks and months follow by themselves."""
    op.drop_table("rollup_classes")
    op.create_table(
        "rollup_classes",
        sa.Column("rules", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("span", _ordered(), nullable=False),
        sa.Column("start", sa.Date(), nullable=False),
        *(sa.Column(name, _ordered(), nullable=False) for name in _KEYS),
        sa.Column("present", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("rules", "span", "start", *_KEYS, name="pk_rollup_classes"),
    )
    op.create_table(
        "rollup_week_classes",
        sa.Column("rules", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("start", sa.Date(), nullable=False),
        sa.Column("class", _ordered(), nullable=False),
        sa.Column("present", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("rules", "start", "class", name="pk_rollup_week_classes"),
    )
    op.create_table(
        "lessons_aside",
        sa.Column("occurrence", _ordered(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("occurrence", name="pk_lessons_aside"),
    )
    for place in ("school", "classroom"):
        op.create_index(
            f"ix_seat_results_rules_{place}_date", "seat_results", ["rules", place, "date"]
        )
    op.execute(
        "INSERT INTO rollup_classes"
        " SELECT rules, 'day', date, school, classroom, class, subject, host_school, teacher,"
        " max(present) FROM seat_results WHERE state = 'held' AND class IS NOT NULL"
        " GROUP BY rules, date, school, classroom, class, subject, host_school, teacher"
    )
    op.execute("DELETE FROM rollups WHERE span <> 'day'")
    op.execute("DELETE FROM rolled_spans WHERE span <> 'day'")


def _ordered() -> sa.Text:
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
