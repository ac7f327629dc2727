"""What several processes saw is judged as one: faults that no single one of them could notice."""

from __future__ import annotations

import itertools
from typing import Any

import msgpack
import pytest

from loadtest.curves import CURVES, cuts_due, users_at
from loadtest.history import History, Joined, Left, Position, Saw
from loadtest.sale_checks import Purchase
from loadtest.seen import Judgement, Seen, Sold, judge

SKU = "sku"


def history(*events: Saw, name: str = "u") -> History:
    start = Joined(Position("e", 0), None, False, ())
    return History(name, [start, *events, Left(1000)])


def event(seq: int, digest: int = 1) -> Saw:
    return Saw(seq, "announcement", digest)


def bought(user: str, reservation: str) -> Purchase:
    return Purchase(user, user, SKU, 1, reservation, code="" if reservation else "sold_out")


def audit(held: int, stock: int = 2) -> dict[str, Any]:
    sku = {"sku_id": SKU, "initial": stock, "restocked": 0, "written_off": 0,
           "available": stock - held, "held": held, "sold": 0}  # fmt: skip
    return {"sales": [{"sale_id": "s", "skus": [sku]}], "balanced": True}


def process(*histories: History, purchases: tuple[Purchase, ...] = (), open_buys: int = 0) -> Any:
    """As it arrives: through the same encoding that locust sends messages in."""
    seen = Seen()
    for each in histories:
        seen.take(each)
    seen.purchases += purchases
    seen.open_buys = open_buys
    return msgpack.unpackb(msgpack.packb(seen.document()))


def judged(*processes: Any, held: int = 0, **given: Any) -> Judgement:
    named = {f"w{number}": each for number, each in enumerate(processes)}
    sold = Sold(SKU, 2, audit(held), 0)
    return judge(named, sold=sold, draw=given.pop("draw", None), winners=1, **given)


def test_two_processes_without_faults_keep_every_promise() -> None:
    found = judged(
        process(history(event(1), event(2)), purchases=(bought("a", "r1"),)),
        process(history(event(1)), purchases=(bought("b", "r2"), bought("c", ""))),
        held=2,
    )
    assert found.broken == {}
    assert found.bought == 2
    assert found.totals["events"] == 3


def test_units_sold_once_too_often_over_two_processes_are_noticed() -> None:
    first = process(purchases=(bought("a", "r1"), bought("b", "r2")))
    second = process(purchases=(bought("c", "r3"),))
    assert "oversold" in judged(first, second, held=3).broken


def test_one_reservation_for_people_of_two_processes_is_noticed() -> None:
    found = judged(
        process(purchases=(bought("a", "r1"),)), process(purchases=(bought("b", "r1"),)), held=1
    )
    assert "reservation_shared" in found.broken


def test_sold_out_told_while_units_are_left_is_noticed() -> None:
    found = judged(process(purchases=(bought("a", "r1"), bought("b", ""))), held=1)
    assert "undersold" in found.broken


def test_a_buyer_stopped_before_the_answer_may_hold_one_unit_and_no_more() -> None:
    stopped = process(purchases=(bought("a", "r1"),), open_buys=1)
    assert judged(stopped, held=2).broken == {}
    assert "audit_differs" in judged(process(purchases=(bought("a", "r1"),)), held=2).broken


def test_an_event_that_differs_between_processes_is_noticed() -> None:
    found = judged(process(history(event(1, 7))), process(history(event(1, 8))))
    assert found.broken == {"differing": 1}


def test_gaps_and_doubles_of_every_process_are_counted() -> None:
    gap, double = history(event(2)), history(event(1), event(1))
    found = judged(process(gap, gap), process(double))
    assert found.broken == {"doubled": 1, "lost": 2}
    assert len(found.told) == 3


def test_a_process_that_hands_nothing_over_breaks_the_run() -> None:
    assert judged(process(), missing=["w9"]).broken == {"process_missing": 1}


def test_a_winner_who_entered_at_no_process_is_noticed() -> None:
    entered = process()
    entered["entrants"] = ["a"]
    draw = {"lottery_id": "l", "entries_count": 1, "winners": [{"user_id": "z", "rank": 1}]}
    assert "winner_not_joined" in judged(entered, draw=draw).broken


def test_many_failures_are_counted_and_a_few_told() -> None:
    seen = Seen()
    for _ in range(200):
        seen.take(history(event(2)))
    document = seen.document()
    assert document["broken"] == {"lost": 200}
    assert len(document["failures"]) == 50


@pytest.mark.parametrize("name", sorted(CURVES))
def test_a_curve_has_users_from_its_first_moment_to_its_end(name: str) -> None:
    curve = CURVES[name]
    counts = [users_at(curve, step / 100, 100) for step in range(100)]
    assert all(count is not None and count[0] >= 1 for count in counts)
    assert max(count[0] for count in counts if count) in (90, 100)
    assert users_at(curve, 1.0, 100) is None
    assert 0 < curve.sale_at < 1


def test_each_cut_of_a_storm_is_made_once_however_long_a_look_takes() -> None:
    storm = CURVES["reconnect-storm"]
    looks = [0.0, 0.1, 0.35, 0.6, 0.61, 1.0]
    made = [cut for at, then in itertools.pairwise(looks)
            for cut in cuts_due(storm, at, then)]  # fmt: skip
    assert made == [cut.share for cut in storm.cuts]
