"""What a host means to do and when, and what was done: planned against actual.

An item that was run stays where it is; the rest may be changed at any time. The minutes of the plan
count from the first item that is run, as if that one had been on time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from room.errors import Refused
from room.limits import RUN_SHEET_ITEMS_MAX, TITLE_GRAPHEMES_MAX
from room.text import clean, normalise

MINUTE_MS = 60_000


class Act(msgspec.Struct, frozen=True):
    """A command of the staff, with its parameters."""

    op: str
    params: dict[str, Any] = {}


class Ran(msgspec.Struct, frozen=True):
    """`outcome` is ok, or running while it is not known how it ended."""

    at_ms: int
    by: str
    outcome: str


class Item(msgspec.Struct, frozen=True):
    item_id: str
    title: str
    minute: int
    act: Act | None = None
    ran: Ran | None = None


class Sheet(msgspec.Struct, frozen=True):
    """`done` items were run, so it is also the number of the next; `rev` orders changes."""

    rev: int = 0
    done: int = 0
    started_ms: int | None = None
    items: tuple[Item, ...] = ()


def put(sheet: Sheet, items: Sequence[Item], *, rev: int | None) -> Sheet:
    """The sheet with these items. Refuses bad_request, too_long, conflict.

    With `rev` it must still be the one that was read.
    """
    if rev is not None and rev != sheet.rev:
        raise Refused("conflict", "somebody else has changed the run-sheet")
    if len(items) > RUN_SHEET_ITEMS_MAX:
        raise Refused("bad_request", f"a run-sheet has {RUN_SHEET_ITEMS_MAX} items at most")
    if len({item.item_id for item in items}) != len(items):
        raise Refused("bad_request", "two items have the same item_id")
    ran = sheet.items[: sheet.done]
    if [item.item_id for item in items[: sheet.done]] != [item.item_id for item in ran]:
        raise Refused("conflict", "items that were run stay first and in their order")
    rest = (
        replace(item, title=_title(item), act=_act(item.act), ran=None)
        for item in items[sheet.done :]
    )
    return replace(sheet, rev=sheet.rev + 1, items=(*ran, *rest))


def _title(item: Item) -> str:
    return clean(item.title, graphemes_max=TITLE_GRAPHEMES_MAX, field="title")


def _act(act: Act | None) -> Act | None:
    """What it will say is read on the sheet before it is said."""
    return None if act is None else replace(act, params=_readable(act.params))


def _readable(value: Any) -> Any:  # noqa: ANN401 - parameters of any command
    if isinstance(value, str):
        return normalise(value)
    if isinstance(value, list):
        return [_readable(one) for one in value]
    if isinstance(value, dict):
        return {name: _readable(one) for name, one in value.items()}
    return value


def begin(sheet: Sheet, *, by: str, now_ms: int) -> Sheet:
    """The next item as under way. Refuses conflict when there is none."""
    if sheet.done >= len(sheet.items):
        raise Refused("conflict", "every item was run")
    item = sheet.items[sheet.done]
    started_ms = sheet.started_ms
    if started_ms is None:
        started_ms = now_ms - item.minute * MINUTE_MS
    return replace(
        _with(sheet, sheet.done, replace(item, ran=Ran(now_ms, by, "running"))),
        done=sheet.done + 1,
        started_ms=started_ms,
    )


def finish(sheet: Sheet, index: int) -> Sheet:
    """The item as done."""
    item = sheet.items[index]
    ran = None if item.ran is None else replace(item.ran, outcome="ok")
    return _with(sheet, index, replace(item, ran=ran))


def take_back(sheet: Sheet, index: int) -> Sheet:
    """The item was refused: it is the next again, unless a later one has been run meanwhile."""
    if sheet.done != index + 1:
        return sheet
    back = _with(sheet, index, replace(sheet.items[index], ran=None))
    return replace(back, done=index, started_ms=sheet.started_ms if index else None)


def _with(sheet: Sheet, index: int, item: Item) -> Sheet:
    items = (*sheet.items[:index], item, *sheet.items[index + 1 :])
    return replace(sheet, rev=sheet.rev + 1, items=items)


def report(sheet: Sheet) -> dict[str, object]:
    """Planned against actual; `late_s` below 0 was early."""
    return {
        "rev": sheet.rev,
        "next": sheet.done,
        "started_ms": sheet.started_ms,
        "items": [_row(sheet, item) for item in sheet.items],
    }


def _row(sheet: Sheet, item: Item) -> dict[str, object]:
    row: dict[str, object] = msgspec.to_builtins(item)
    if item.ran is None or sheet.started_ms is None:
        return {**row, "actual_minute": None, "late_s": None}
    actual_ms = item.ran.at_ms - sheet.started_ms
    return {
        **row,
        "actual_minute": round(actual_ms / MINUTE_MS, 1),
        "late_s": (actual_ms - item.minute * MINUTE_MS) // 1_000,
    }
