"""What a version changed becomes rows of its own: one a difference, read in parts."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0012"
down_revision = "0011"

_REFUSAL = "what a version changed is never changed: publish another one"
_WITH_RULE = ("new", "cancelled", "changed", "moved")


def upgrade(op: Operations) -> None:
    """The differences of every version move into a table; nobody knows any more who wanted each."""
    table = op.create_table(
        "version_entries",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("series", _ordered(), nullable=True),
        sa.Column("beside", _ordered(), nullable=True),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("entry", sa.JSON(none_as_null=True), nullable=False),
        sa.ForeignKeyConstraint(["version"], ["versions.no"], name="fk_version_entries_version"),
        sa.PrimaryKeyConstraint("version", "position", name="pk_version_entries"),
    )
    op.create_index("ix_version_entries_series", "version_entries", ["series"])
    connection = op.get_bind()
    for number in (
        connection.execute(sa.text("SELECT no FROM versions ORDER BY no")).scalars().all()
    ):
        found = connection.execute(
            sa.text('SELECT "by", diff FROM versions WHERE no = :no'), {"no": number}
        ).one()
        diff = json.loads(found.diff) if isinstance(found.diff, str) else found.diff
        rows = _rows(number, found.by, diff)
        if rows:
            connection.execute(sa.insert(table), rows)
    op.drop_column("versions", "diff")
    _protect(op)


def _rows(version: int, by: str, diff: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rules = {entry.get("series") for entry in diff} - {None}
    rows = []
    for position, entry in enumerate(diff):
        silent = entry.get("kind") == "changed" and not entry.get("fields")
        beside = None if silent else _beside(entry, rules)
        rows.append(
            {
                "version": version,
                "position": position,
                "kind": str(entry.get("kind")),
                "series": entry.get("series"),
                "beside": beside,
                "told": beside is None and not silent,
                "by": by,
                "reason": "",
                "entry": entry,
            }
        )
    return rows


def _beside(entry: dict[str, Any], rules: set[Any]) -> str | None:
    """The rule a lesson comes or goes with, if that has an entry in the same version."""
    lesson = entry.get("new") or entry.get("old") or {}
    slot = lesson.get("slot") if entry.get("lesson") and entry.get("kind") in _WITH_RULE else None
    if not slot or slot.get("own") or slot.get("series") not in rules:
        return None
    return str(slot["series"])


def _ordered() -> sa.Text:
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _protect(op: Operations) -> None:
    """Refuse UPDATE, DELETE and TRUNCATE, whoever asks."""
    table = "version_entries"
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table}"
                f" BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
            )
        return
    op.execute(
        f"CREATE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION '{_REFUSAL}' USING ERRCODE = 'restrict_violation'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table}"
        f" FOR EACH ROW EXECUTE FUNCTION {table}_refuse()"
    )
    op.execute(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse()"
    )
