"""Phases by the clock, versions that only grow, limits of what can be sold."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from flash_sale.sale import Level, Phase, Sale, SkuSpec, Stage, first_version

SALE = Sale(
    sale_id="s1",
    number=1,
    room_id="room1",
    stage=Stage.SCHEDULED,
    start_ms=1_000_000,
    end_ms=1_600_000,
    duration_s=600,
    hold_s=330,
    pay_s=300,
    currency="CNY",
    generation=1,
    created_ms=0,
    announced=Phase.DRAFT,
    skus=(SkuSpec("a", "p", "t", 1, 100), SkuSpec("b", "p", "t", 1, 100)),
)
LEFT = {"a": Level(1, 1), "b": Level(0, 1)}
NONE_LEFT = {"a": Level(0, 2), "b": Level(0, 1)}


@pytest.mark.parametrize(
    ("now_ms", "levels", "phase"),
    [
        (699_999, LEFT, Phase.PREHEAT),
        (700_000, LEFT, Phase.COUNTDOWN),
        (999_999, NONE_LEFT, Phase.COUNTDOWN),
        (1_000_000, LEFT, Phase.LIVE),
        (1_000_000, {}, Phase.LIVE),
        (1_000_000, NONE_LEFT, Phase.SOLD_OUT),
        (1_599_999, LEFT, Phase.LIVE),
        (1_600_000, NONE_LEFT, Phase.ENDED),
    ],
)
def test_the_clock_makes_the_phase(now_ms: int, levels: dict[str, Level], phase: Phase) -> None:
    assert SALE.phase(now_ms, levels) is phase


@pytest.mark.parametrize(
    ("stage", "phase"),
    [
        (Stage.DRAFT, Phase.DRAFT),
        (Stage.PREHEAT, Phase.PREHEAT),
        (Stage.STOPPED, Phase.ENDED),
    ],
)
def test_an_unscheduled_sale_is_where_staff_put_it(stage: Stage, phase: Phase) -> None:
    unscheduled = replace(SALE, stage=stage, start_ms=None, end_ms=None)
    assert unscheduled.phase(1_200_000, LEFT) is phase


def test_one_empty_sku_is_marked_before_the_sale_is_sold_out() -> None:
    wire = SALE.to_wire(Phase.LIVE, LEFT)
    skus = wire["skus"]
    assert isinstance(skus, list)
    assert [sku["sold_out"] for sku in skus] == [False, True]


def test_later_sales_and_generations_start_above_all_earlier_versions() -> None:
    starts = [first_version(number, gen) for number in (1, 2, 3) for gen in (1, 2, 99)]
    assert starts == sorted(starts)
    steps = [later - earlier for earlier, later in itertools.pairwise(starts)]
    assert min(steps) >= 10_000_000
    assert first_version(9_000_000, 99) + 10_000_000 < 2**53
