"""What a lesson's rooms do beside raising hands: silence for all, turns and quick questions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0030"
down_revision = "0010"


def upgrade(op: Operations) -> None:
    """Floors from before were never quiet; their turns were not counted, and nothing was asked."""
    op.add_column(
        "floors", sa.Column("quiet", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column("floors", sa.Column("turns", _document(), nullable=True))
    op.add_column("floors", sa.Column("questions", _document(), nullable=True))


def _document() -> sa.JSON:
    return sa.JSON(none_as_null=True)
