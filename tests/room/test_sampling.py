"""Which comments a viewer with a budget is shown."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from room.sampling import (
    RANK_BUYER,
    RANK_FIRST_TIME,
    RANK_OTHER,
    RANK_STAFF,
    choose,
    rank,
)


def test_rank_goes_by_role_then_purchase_then_novelty() -> None:
    assert rank("host", buyer=True, first_time=True) == RANK_STAFF
    assert rank("viewer", buyer=True, first_time=True) == RANK_BUYER
    assert rank("viewer", buyer=False, first_time=True) == RANK_FIRST_TIME
    assert rank("member", buyer=False, first_time=False) == RANK_OTHER


def test_staff_buyers_and_new_voices_come_before_the_others() -> None:
    ranks = [3, 3, 2, 3, 1, 3, 0, 3]
    assert choose(ranks, 1).chosen == (6,)
    assert choose(ranks, 2).chosen == (4, 6)
    assert choose(ranks, 3).chosen == (2, 4, 6)
    assert choose(ranks, 0).chosen == ()


def test_others_are_spread_over_the_tick() -> None:
    assert choose([3] * 9, 3).chosen == (1, 4, 7)
    assert choose([3] * 100, 2).chosen == (25, 75)


@given(st.lists(st.integers(0, 3), max_size=60), st.integers(0, 70))
def test_all_are_accounted_for_and_no_lower_rank_displaces_a_higher(
    ranks: list[int], budget: int
) -> None:
    choice = choose(ranks, budget)
    assert sorted(choice.chosen + choice.dropped) == list(range(len(ranks)))
    assert len(choice.chosen) == min(budget, len(ranks))
    assert list(choice.chosen) == sorted(choice.chosen)
    if choice.chosen and choice.dropped:
        assert max(ranks[at] for at in choice.chosen) <= min(ranks[at] for at in choice.dropped)
