from __future__ import annotations

from dataclasses import fields

from sync_classroom.domain.second_opinion import SeatOpinion
from sync_classroom.domain.terminal_journal import TerminalSample
from sync_classroom.store.journal_tables import second_opinions, terminal_samples


def test_a_row_is_what_the_domain_has_and_nothing_else() -> None:
    assert [c.name for c in terminal_samples.columns] == [f.name for f in fields(TerminalSample)]
    assert [c.name for c in second_opinions.columns] == [f.name for f in fields(SeatOpinion)]
