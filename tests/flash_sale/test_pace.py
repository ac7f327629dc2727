"""Sell rate and minutes left, from pushed levels alone."""

from __future__ import annotations

from flash_sale.pace import ALERT_MINUTES, SKUS_MAX, WARM_UP_MS, WINDOW_MS, StockPace


def sell(pace: StockPace, *, start: int, every_ms: int, until_ms: int) -> list[int]:
    """One piece each `every_ms`; when it was said to be alarming."""
    alarms = []
    for nth, at_ms in enumerate(range(0, until_ms + 1, every_ms)):
        if pace.note("a", max(0, start - nth), at_ms):
            alarms.append(at_ms)
    return alarms


def test_a_steady_sale_has_its_rate_and_its_end() -> None:
    pace = StockPace()
    sell(pace, start=1000, every_ms=1000, until_ms=60_000)
    [found] = pace.paces(60_000)
    assert (found.left, found.per_minute) == (940, 60.0)
    assert found.minutes_left == 15.67


def test_too_little_is_no_rate() -> None:
    pace = StockPace()
    sell(pace, start=10, every_ms=1000, until_ms=WARM_UP_MS - 1000)
    assert pace.paces(WARM_UP_MS - 1)[0].per_minute is None
    assert pace.paces(WARM_UP_MS)[0].per_minute is not None


def test_what_happened_before_the_window_is_forgotten() -> None:
    pace = StockPace()
    sell(pace, start=100, every_ms=1000, until_ms=30_000)
    assert pace.paces(30_000 + WINDOW_MS)[0].per_minute is None


def test_pieces_that_come_back_are_no_sales_and_take_none_back() -> None:
    pace = StockPace()
    pace.note("a", 10, 0)
    pace.note("a", 4, 10_000)
    pace.note("a", 9, 20_000)
    [found] = pace.paces(30_000)
    assert (found.left, found.per_minute, found.minutes_left) == (9, 12.0, 0.75)


def test_what_staff_take_off_the_shelf_is_no_sale() -> None:
    pace = StockPace()
    pace.note("a", 100, 0)
    pace.note("a", 60, 10_000, aside=40)
    assert pace.paces(20_000)[0].per_minute is None
    pace.note("a", 40, 20_000, aside=15)  # five of them were sold
    assert pace.paces(30_000)[0].per_minute == 10.0


def test_the_alarm_comes_once_and_again_only_after_calm() -> None:
    pace = StockPace()
    alarms = sell(pace, start=200, every_ms=1000, until_ms=199_000)
    assert len(alarms) == 1
    [found] = pace.paces(alarms[0])
    assert found.minutes_left is not None
    assert 0 < found.minutes_left < ALERT_MINUTES
    assert pace.note("a", 1000, 200_000) is None
    assert pace.note("a", 900, 201_000) is None  # 10 minutes left: calm
    assert pace.note("a", 100, 202_000) is not None


def test_sold_out_is_no_alarm_and_skus_are_bounded() -> None:
    pace = StockPace()
    pace.note("a", 5, 0)
    assert pace.note("a", 0, 10_000) is None
    for n in range(SKUS_MAX):
        pace.note(f"s{n}", 1, 0)
    assert len(pace.paces(0)) == SKUS_MAX
