"""The order of the checks, and conservation, in the specification itself."""

from __future__ import annotations

from flash_sale import reserve, stock
from flash_sale.channels import CHANNELS_MAX, LIVE
from flash_sale.orders import ReservationState
from flash_sale.sale import STOCK_UNITS_MAX
from flash_sale.shelves import Pieces, Shelf
from flash_sale.stock import Book, Buy, Held


def book(**changes: object) -> Book:
    shelves = {
        "a": Shelf(100, 2, {LIVE: Pieces(3, 3, 0)}),
        "b": Shelf(50, 0, {LIVE: Pieces(1, 1, 0)}),
    }
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
        (buy(*greedy, key="k2"), 18, "paused", "f"),
        (buy(*greedy, key="k2"), 19, "not_eligible", "f"),
        (buy(*greedy, key="k2"), 19, "limit_reached", "f3"),
        (buy(("b", 999), key="k2"), 19, "sold_out", "f"),
    ]
    for wish, now_ms, code, fingerprint in table:
        tight.paused = code == "paused"
        may = code in ("limit_reached", "sold_out")
        asked = Buy(wish.user_id, wish.key, fingerprint, "2", wish.lines, eligible=may)
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
    assert its.shelves["b"].cells[LIVE].sold == 1
    assert stock.reserve(its, buy(("b", 1), key="k2", suffix="2"), 10) == "sold_out"


def test_at_the_limit_the_same_wish_gets_the_hold_it_has() -> None:
    """With any key, for just those lines, and only while it is held."""
    its = book()
    first = stock.reserve(its, buy(("a", 2)), 10)
    assert stock.reserve(its, buy(("a", 2), key="k2", suffix="2"), 11) is first
    other_lines = buy(("a", 1), key="k3", fingerprint="g", suffix="3")
    assert stock.reserve(its, other_lines, 11) == "limit_reached"
    assert stock.settle(its, "1", "p") == "paid"
    assert stock.reserve(its, buy(("a", 2), key="k4", suffix="4"), 11) == "limit_reached"
    assert stock.reserve(its, buy(("a", 2), key="k2", suffix="5"), 11) is first
    assert its.journal == ["held", "again", "paid"]


def test_a_payment_in_progress_moves_the_deadline_once_and_never_past_the_cap() -> None:
    its = book()
    stock.reserve(its, buy(("a", 1)), 10)
    assert stock.freeze(its, "1", 3, 11) == "enough"
    assert stock.freeze(its, "1", 3, 13) == "frozen"
    assert its.reservations["1"].expires_ms == 16
    assert stock.freeze(its, "1", 3, 13) == "enough"
    assert stock.freeze(its, "1", 3, 14) == "late"
    assert stock.release(its, "1", ReservationState.EXPIRED, 16) == "released"
    assert stock.freeze(its, "1", 3, 13) == "gone"
    assert stock.freeze(its, "?", 3, 13) == "absent"


def test_pieces_move_between_channels_and_none_is_made_or_lost() -> None:
    its = book()
    assert stock.transfer(its, "a", 2, LIVE, "shop", "k")[0] == "done"
    assert stock.transfer(its, "a", 2, LIVE, "shop", "k")[0] == "done"
    assert stock.transfer(its, "a", 2, LIVE, "shop", "k2")[0] == "conflict"
    assert stock.transfer(its, "a", 1, "nowhere", LIVE, "k2")[0] == "not_found"
    assert stock.transfer(its, "a", 1, LIVE, LIVE, "k2")[0] == "bad_request"
    cells = its.shelves["a"].cells
    assert (cells[LIVE].available, cells["shop"].available) == (1, 2)
    assert its.shelves["a"].balanced
    far = Buy("ann", "k", "f", "1", (("a", 2),), "shop")
    assert isinstance(stock.reserve(its, far, 10), Held)
    assert (cells[LIVE].held, cells["shop"].held) == (0, 2)
    for n in range(CHANNELS_MAX):
        stock.adjust(its, "restock", "a", 1, f"r{n}", f"c{n}")
    assert len(cells) == CHANNELS_MAX


def test_the_limits_are_the_same_everywhere() -> None:
    from flash_sale.storage.scripts import source

    assert (reserve.QTY_MAX, reserve.LINES_MAX) == (stock.QTY_MAX, stock.LINES_MAX)
    assert STOCK_UNITS_MAX == stock.SKU_UNITS_MAX
    assert f"QTY_MAX, LINES_MAX = {stock.QTY_MAX}, {stock.LINES_MAX}\n" in source("reserve")
    for script in ("adjust", "transfer"):
        limits = f"QTY_MAX, CHANNELS_MAX = {stock.SKU_UNITS_MAX}, {CHANNELS_MAX}\n"
        assert limits in source(script)


def test_a_fingerprint_knows_the_request() -> None:
    one = reserve.fingerprint([("a", 1), ("b", 2)])
    assert one == reserve.fingerprint([("b", 2), ("a", 1)])
    assert len(one) == 24
    assert one != reserve.fingerprint([("a", 2), ("b", 1)])
