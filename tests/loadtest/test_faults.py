"""What a cut of Redis' log took along is told apart from what it left."""

from __future__ import annotations

from loadtest.fault_runs import kind_of
from loadtest.faults import EXEC, KINDS, MULTI, Cut, end_of_whole

WHOLE = MULTI + b"held r1" + EXEC


def test_only_what_is_nowhere_else_was_destroyed() -> None:
    cut = Cut(lost=b"hold a, hold b", kept=b"hold a")
    assert cut.destroyed("hold b")
    assert not cut.destroyed("hold a")
    assert not cut.destroyed("hold c")


def test_a_transaction_without_its_end_is_cut_off_whole() -> None:
    assert end_of_whole(b"") == 0
    assert end_of_whole(WHOLE) == len(WHOLE)
    assert end_of_whole(WHOLE + b"*3\r\n$3\r\nSET") == len(WHOLE) + 11
    assert end_of_whole(WHOLE + MULTI + b"held r2" + EXEC[:-3]) == len(WHOLE)
    assert end_of_whole(MULTI + b"held r1") == 0


def test_seeds_draw_every_fault() -> None:
    assert {kind_of(seed) for seed in range(1, 101)} == set(KINDS)
    assert kind_of(7) == kind_of(7)
