"""A run-sheet: what was run stays, the rest may change, planned against actual."""

from __future__ import annotations

import pytest

from room import run_sheet
from room.errors import Refused
from room.run_sheet import Item, Sheet
from tests.room.people import NOW_MS

MINUTE_MS = 60_000


def items(*minutes: int) -> list[Item]:
    return [Item(f"i{minute}", f"at {minute}", minute) for minute in minutes]


def run(sheet: Sheet, at_ms: int) -> Sheet:
    begun = run_sheet.begin(sheet, by="host1", now_ms=at_ms)
    return run_sheet.finish(begun, sheet.done)


def test_planned_against_actual() -> None:
    """The first item sets the clock, as if it had been on time."""
    sheet = run_sheet.put(Sheet(), items(5, 10, 20), rev=0)
    sheet = run(sheet, NOW_MS)
    sheet = run(sheet, NOW_MS + 6 * MINUTE_MS + 30_000)
    report = run_sheet.report(sheet)
    rows = report["items"]
    assert isinstance(rows, list)
    assert report["next"] == 2
    assert [(row["actual_minute"], row["late_s"]) for row in rows] == [
        (5.0, 0),
        (11.5, 90),
        (None, None),
    ]


def test_what_was_run_stays_and_the_rest_may_change() -> None:
    sheet = run(run_sheet.put(Sheet(), items(0, 10, 20), rev=None), NOW_MS)
    changed = run_sheet.put(sheet, items(0, 20, 15, 10), rev=sheet.rev)
    assert [item.minute for item in changed.items] == [0, 20, 15, 10]
    assert changed.items[0].ran == sheet.items[0].ran
    for wrong in (items(20, 0), [], items(0, 20, 20)):
        with pytest.raises(Refused):
            run_sheet.put(changed, wrong, rev=None)
    with pytest.raises(Refused, match="somebody else"):
        run_sheet.put(changed, items(0), rev=sheet.rev)


def test_a_refused_item_is_the_next_again() -> None:
    sheet = run_sheet.put(Sheet(), items(0, 10), rev=None)
    begun = run_sheet.begin(sheet, by="host1", now_ms=NOW_MS)
    back = run_sheet.take_back(begun, 0)
    assert (back.done, back.items, back.started_ms) == (0, sheet.items, None)
    both = run(run(sheet, NOW_MS), NOW_MS)
    assert run_sheet.take_back(both, 0) is both
    with pytest.raises(Refused, match="every item"):
        run_sheet.begin(both, by="host1", now_ms=NOW_MS)
