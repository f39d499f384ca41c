from __future__ import annotations

from sync_classroom.relay.samples import Cut, Sampler, Totals


def test_a_sample_ends_at_the_last_report_before_its_deadline() -> None:
    sampler = Sampler(10.0, 100.0)
    assert sampler.deadline_s == 110.0
    sampler.report(Totals(packets=50, acked=49), 101.0)
    sampler.report(Totals(packets=400, acked=395), 109.3)
    assert sampler.cut() == Cut(100.0, 109.3, Totals(packets=400, acked=395))
    assert sampler.deadline_s == 119.3
    assert sampler.cut() is None


def test_samples_add_up_to_the_totals() -> None:
    sampler = Sampler(10.0, 0.0)
    cuts = []
    for step in range(1, 8):
        totals = Totals(step * 100, step * 98, step * 1000, 0, step, step // 2, step // 3)
        sampler.report(totals, step * 3.0)
        if step % 3 == 0:
            cut = sampler.cut()
            assert cut is not None
            cuts.append(cut)
    cuts.append(sampler.close(Totals(777, 686, 9000, 0, 9, 4, 2), 25.0))
    for name in ("packets", "acked", "bytes", "nacks", "plis", "dropped"):
        total = sum(getattr(cut.moved, name) for cut in cuts)
        assert total == getattr(Totals(777, 686, 9000, 0, 9, 4, 2), name)
    assert [(cut.from_s, cut.to_s) for cut in cuts] == [(0.0, 9.0), (9.0, 18.0), (18.0, 25.0)]


def test_closing_makes_a_tail_behind_the_last_report() -> None:
    sampler = Sampler(10.0, 0.0)
    sampler.report(Totals(packets=90, acked=88), 4.0)
    assert sampler.cut() == Cut(0.0, 4.0, Totals(packets=90, acked=88))
    assert sampler.close(Totals(packets=100, acked=88), 4.4) == Cut(4.0, 4.4, Totals(packets=10))


def test_the_first_sample_begins_when_media_can_flow() -> None:
    sampler = Sampler(10.0, 0.0)
    sampler.restart(3.0)
    assert sampler.close(Totals(packets=1), 5.0).from_s == 3.0


def test_totals_are_true_when_anything_moved() -> None:
    assert not Totals()
    assert Totals(dropped=1)
