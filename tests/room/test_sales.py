"""Sales as the room shows them: told once, never out of order."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from room import sales
from room.errors import Refused
from room.events import SalePhaseChanged, SkuSoldOut, StockReturned
from room.limits import SALES_MAX
from room.state import RoomState
from tests.room.people import a_room, a_sale, after


def told(state: RoomState, sale: dict[str, object], **levels: tuple[int, int]) -> RoomState:
    return after(state, sales.show(state, sale, levels))


def test_the_same_news_twice_is_told_once() -> None:
    state = a_room()
    assert [e.t for e in sales.show(state, a_sale(phase="preheat"), {})] == ["sale.phase"]
    state = told(state, a_sale(phase="preheat"))
    assert sales.show(state, a_sale(phase="preheat"), {"k1": (10, 1)}) == ()


def test_phases_go_forward_only() -> None:
    state = told(a_room(), a_sale(phase="live"))
    assert sales.show(state, a_sale(phase="countdown"), {}) == ()
    state = told(state, a_sale(phase="ended"))
    assert sales.show(state, a_sale(phase="live"), {}) == ()
    assert sales.show(state, a_sale(phase="ended"), {"k1": (0, 9)}) == ()


def test_sold_out_then_returned_each_once() -> None:
    state = told(a_room(), a_sale(), k1=(10, 1))
    events = sales.show(state, a_sale(), {"k1": (0, 7)})
    assert events[0] == SkuSoldOut("s1", "k1", 7)
    assert isinstance(events[1], SalePhaseChanged)
    assert events[1].sale.phase == "sold_out"
    state = after(state, events)
    assert sales.show(state, a_sale(), {"k1": (0, 7)}) == ()
    assert sales.show(state, a_sale(), {"k1": (3, 6)}) == (), "an older level is not news"
    events = sales.show(state, a_sale(), {"k1": (2, 8)})
    assert events[0] == StockReturned("s1", "k1", 2, 8)
    assert after(state, events).sales["s1"].phase == "live"
    state = after(state, events)
    assert sales.show(state, a_sale(), {"k1": (0, 7)}) == ()


def test_one_of_two_skus_sold_out_leaves_the_sale_live() -> None:
    sale = a_sale(skus=("k1", "k2"))
    state = told(a_room(), sale, k1=(10, 1), k2=(10, 1))
    events = sales.show(state, sale, {"k1": (0, 2), "k2": (4, 2)})
    assert events == (SkuSoldOut("s1", "k1", 2),)
    state = after(state, events)
    assert [sku.sold_out for sku in state.sales["s1"].skus] == [True, False]
    assert [e.t for e in sales.show(state, sale, {"k2": (0, 3)})] == ["sale.sold_out", "sale.phase"]


def test_a_sale_first_seen_sold_out_says_so_and_orders_later_levels() -> None:
    state = told(a_room(), a_sale(), k1=(0, 5))
    assert state.sales["s1"].phase == "sold_out"
    assert sales.show(state, a_sale(), {"k1": (1, 4)}) == ()
    assert [e.t for e in sales.show(state, a_sale(), {"k1": (1, 6)})] == [
        "stock.returned",
        "sale.phase",
    ]


def test_the_oldest_ended_sale_makes_room() -> None:
    state = a_room()
    for nth in range(SALES_MAX):
        state = told(state, a_sale(f"s{nth}", phase="live"))
    with pytest.raises(Refused, match="100 sales"):
        sales.show(state, a_sale("more"), {})
    state = told(state, a_sale("s7", phase="ended"))
    state = told(state, a_sale("more"))
    assert len(state.sales) == SALES_MAX
    assert "s7" not in state.sales


def test_what_is_no_sale_is_refused() -> None:
    with pytest.raises(Refused, match="not a sale"):
        sales.show(a_room(), {**a_sale(), "duration_s": "60"}, {})
    with pytest.raises(Refused, match="SKUs"):
        sales.show(a_room(), a_sale(skus=()), {})


@given(st.lists(st.integers(0, 2), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_late_doubled_and_shuffled_levels_end_where_the_newest_says(
    lefts: list[int], chance: random.Random
) -> None:
    """However levels arrive, flags alternate and the end agrees with the highest version."""
    news = [(left, v) for v, left in enumerate(lefts, start=1)]
    arriving = [*news, *news]
    chance.shuffle(arriving)
    state = told(a_room(), a_sale())
    flags = [False]
    for level in [*arriving, news[-1]]:
        for event in sales.show(state, a_sale(), {"k1": level}):
            if isinstance(event, SkuSoldOut | StockReturned):
                flags.append(isinstance(event, SkuSoldOut))
            state = after(state, [event])
    assert all(before != now for before, now in pairwise(flags))
    assert state.sales["s1"].skus[0].sold_out == (lefts[-1] == 0)
