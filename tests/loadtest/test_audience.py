"""The demo's people: what they notice, what they say, and when the simulated host steps aside."""

from __future__ import annotations

import random
from typing import Any

import pytest

from loadtest.client import Address, Viewer
from loadtest.corpus import LINES, NAMES, PRODUCTS, Mood, half_of, is_chinese, title_of
from loadtest.director import Director
from loadtest.plan import Plan, comment_index, comment_text
from loadtest.scene import RECENT_COMMENTS_MAX, Scene


def event(kind: str, **d: object) -> dict[str, Any]:
    return {"t": kind, "ts": 1, "d": d, "seq": 1}


def sale(phase: str) -> dict[str, Any]:
    return {"sale_id": "s", "phase": phase, "skus": []}


def test_a_sale_strikes_a_spark_when_its_phase_changes_only() -> None:
    scene = Scene()
    phases = ["preheat", "countdown", "countdown", "live", "live", "ended"]
    sparks = [scene.take_event(event("sale.phase", sale=sale(phase))) for phase in phases]
    assert [spark.mood if spark else None for spark in sparks] == [
        None, Mood.COUNTDOWN, None, Mood.LIVE, None, None,
    ]  # fmt: skip


def test_an_open_lottery_is_known_until_it_is_drawn() -> None:
    scene = Scene()
    scene.take_event(event("lottery.opened", lottery={"lottery_id": "l", "state": "open"}))
    assert scene.open_lottery is not None
    scene.take_event(event("lottery.drawn", lottery_id="l", winners=[{"name": "x"}]))
    assert scene.open_lottery is None


def test_the_scene_remembers_a_bounded_number_of_comments() -> None:
    scene = Scene()
    for number in range(RECENT_COMMENTS_MAX * 3):
        scene.take_event(event("comment", id=str(number), text="x"))
    assert len(scene.comments) == RECENT_COMMENTS_MAX


def test_every_line_can_be_said_in_both_languages() -> None:
    for mood, lines in LINES.items():
        assert {is_chinese(line) for line in lines} == {True, False}, mood
        for line in lines:
            assert line.format(product="p", prize="q", name="n")


def test_names_and_products_are_distinct() -> None:
    assert len(set(NAMES)) == len(NAMES) >= 60
    assert len({product.product_id for product in PRODUCTS}) == len(PRODUCTS)
    assert all(product.sale_cents < product.price_cents for product in PRODUCTS)


def test_people_speak_of_things_in_their_own_language() -> None:
    card = {"product_id": "tea", "title": "高山乌龙茶"}
    assert title_of(card, chinese=True) == "高山乌龙茶"
    assert title_of(card, chinese=False) == "mountain oolong tea"
    assert half_of("羊毛围巾 Wool scarf", chinese=False) == "Wool scarf"
    assert half_of("Voucher", chinese=True) == "Voucher"


def director() -> Director:
    viewer = Viewer(Address("127.0.0.1", 1, "demo"), name="host")
    return Director(viewer, Scene(), stock=6, rng=random.Random(1))


@pytest.mark.parametrize(
    "act",
    [
        event("card.shown", card={"product_id": "lamp"}),
        event("sale.phase", sale=sale("countdown")),
        event("lottery.opened", lottery={"prize": "x"}),
        event("announcement", text="hello"),
    ],
)
def test_the_director_steps_aside_for_a_human_host(act: dict[str, Any]) -> None:
    directing = director()
    directing.notice(act)
    assert directing.yields


def test_a_sale_that_ran_before_does_not_keep_ours_away_for_long() -> None:
    directing = director()
    old = {**sale("live"), "start_ms": 1}
    directing.scene.sales = {"s": old}
    assert directing._sale_blocks()
    directing._background = {"s"}
    assert not directing._sale_blocks()
    directing.scene.sales = {"s": {**old, "phase": "countdown"}}
    assert directing._sale_blocks()


def test_the_director_knows_its_own_acts_and_the_clocks() -> None:
    directing = director()
    directing.remember("sale", "s")
    directing.notice(event("sale.phase", sale=sale("live")))
    directing.notice(event("comment", id="c", text="x"))
    directing.notice(event("lottery.drawn", lottery_id="l", winners=[]))
    assert not directing.yields


def test_a_swarms_comment_carries_its_number() -> None:
    assert [comment_index(comment_text(index)) for index in (0, 7, 12345)] == [0, 7, 12345]
    assert comment_index("someone else's #words") is None


def test_parts_share_all_comments_evenly_and_time_them_alike() -> None:
    parts = [
        Plan("http://x", "r", 10, comments_per_s=50, seconds=2, part=part, parts=3)
        for part in range(3)
    ]
    shares = [index for part in parts for index in part.share(part.comments)]
    assert sorted(shares) == list(range(100))
    assert {part.due_us(50, 1_000_000) for part in parts} == {2_000_000}
