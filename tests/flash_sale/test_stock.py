"""The order of the checks, and conservation, in the specification itself."""

from __future__ import annotations

from flash_sale import reserve, stock
from flash_sale.orders import ReservationState
from flash_sale.sale import STOCK_UNITS_MAX
from flash_sale.stock import Book, Buy, Held, Shelf


def book(**changes: object) -> Book:
    shelves = {"a": Shelf(100, 2, 3, 3, 0), "b": Shelf(50, 0, 1, 1, 0)}
    live = {"stage": "scheduled", "start_ms": 10, "end_ms": 20}
    return Book(shelves, hold_ms=5, pay_ms=4, **{**live, **changes})  # type: ignore[arg-type]


def buy(*lines: tuple[str, int], key: str = "k", fingerprint: str = "f", suffix: str = "1") -> Buy:
    return Buy("ann", key, fingerprint, suffix, lines)


def test_refusals_come_in_order_of_precedence() -> None:
    """Each line of this table would also be refused for every reason below it."""
    tight = book()
    assert isinstance(stock.reserve(tight, buy(("a", 1)), 10), Held)
    greedy = (("a", 999), ("b", 999))
    table = [
        (buy(("a", 0)), 99, "key_reused", "f2"),
        (buy(("a", 0), *greedy, key="k2"), 99, "bad_request", "f"),
        (buy(("zz", 1), *greedy, key="k2"), 99, "not_found", "f"),
        (buy(*greedy, key="k2"), 9, "not_started", "f"),
        (buy(*greedy, key="k2"), 20, "ended", "f"),
        (buy(*greedy, key="k2"), 19, "limit_reached", "f"),
        (buy(("b", 999), key="k2"), 19, "sold_out", "f"),
    ]
    for wish, now_ms, code, fingerprint in table:
        asked = Buy(wish.user_id, wish.key, fingerprint, "2", wish.lines)
        assert stock.reserve(tight, asked, now_ms) == code
    assert tight.journal == ["held"]


def test_a_repeat_gets_the_first_answer_even_after_the_end() -> None:
    its = book()
    first = stock.reserve(its, buy(("a", 2)), 10)
    assert stock.reserve(its, buy(("a", 2), suffix="9"), 999) is first


def test_the_last_piece_is_sold_and_not_one_more() -> None:
    its = book()
    assert isinstance(stock.reserve(its, buy(("b", 1)), 10), Held)
    assert stock.reserve(its, buy(("b", 1), key="k2"), 10) == "sold_out"


def test_a_hold_ends_once() -> None:
    its = book()
    stock.reserve(its, buy(("a", 2)), 10)
    assert stock.release(its, "1", ReservationState.EXPIRED, 14) == "not_due"
    assert stock.settle(its, "1", "p") == "paid"
    assert stock.settle(its, "1", "p") == "already"
    assert stock.settle(its, "1", "q") == "other"
    assert stock.release(its, "1", ReservationState.EXPIRED, 99) == "paid"
    assert all(shelf.balanced for shelf in its.shelves.values())


def test_pieces_that_came_back_can_be_sold_or_reclaimed() -> None:
    its = book()
    stock.reserve(its, buy(("b", 1)), 10)
    assert stock.release(its, "1", ReservationState.EXPIRED, 15) == "released"
    assert stock.reclaim(its, "1", "p") == "paid"
    assert its.shelves["b"].sold == 1
    assert stock.reserve(its, buy(("b", 1), key="k2", suffix="2"), 10) == "sold_out"


def test_the_limits_are_the_same_everywhere() -> None:
    from flash_sale.storage.scripts import source

    assert (reserve.QTY_MAX, reserve.LINES_MAX) == (stock.QTY_MAX, stock.LINES_MAX)
    assert STOCK_UNITS_MAX == stock.SKU_UNITS_MAX
    limits = f"QTY_MAX, LINES_MAX, FIELDS_MAX = {stock.QTY_MAX}, {stock.LINES_MAX}, "
    assert limits in source("reserve")
    assert f"QTY_MAX = {stock.SKU_UNITS_MAX}" in source("adjust")


def test_a_fingerprint_knows_the_request() -> None:
    one = reserve.fingerprint([("a", 1), ("b", 2)])
    assert one == reserve.fingerprint([("b", 2), ("a", 1)])
    assert len(one) == 24
    assert one != reserve.fingerprint([("a", 2), ("b", 1)])
