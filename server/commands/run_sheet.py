"""The run-sheet: planning, and running the next item with one press."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from flash_sale.errors import Refused as SaleRefused
from room import run_sheet
from room.errors import Refused
from room.limits import RUN_SHEET_ITEMS_MAX
from room.run_sheet import Act, Item
from server.commands.fields import Id, ShortText
from server.context import Context
from server.dispatch import perform
from server.errors import CommandRefused
from server.registry import STAFF, Params, RateClass, command, find
from server.wire import Codec

MINUTE_MAX = 1_440
ACT_BYTES_MAX = 4_000
UNKNOWN = frozenset({"unknown_outcome", "unavailable"})


class SheetItem(Params):
    title: ShortText
    minute: Annotated[int, msgspec.Meta(ge=0, le=MINUTE_MAX)]
    item_id: Id | None = None
    act: Act | None = None


class PutRunSheet(Params):
    items: Annotated[list[SheetItem], msgspec.Meta(max_length=RUN_SHEET_ITEMS_MAX)]
    rev: int | None = None


@command("run_sheet.put", roles=STAFF, rate=RateClass.STAFF)
async def put(context: Context, params: PutRunSheet) -> dict[str, Any]:
    """Write the run-sheet; what was run stays, and an act must be one that you may do."""
    services = context.services
    for item in params.items:
        if item.act is not None:
            _check(context, item.act)
    items = [
        Item(item.item_id or services.new_id("item"), item.title, item.minute, item.act)
        for item in params.items
    ]
    sheet = await context.activities.run_sheets.change(
        context.room.room_id,
        lambda kept: run_sheet.put(kept, items, rev=params.rev),
        context.now_ms,
    )
    return run_sheet.report(sheet)


def _check(context: Context, act: Act) -> None:
    """Refuse what would be refused later: an act nobody knows, or not this person's."""
    found = find(act.op)
    if found.rate is not RateClass.STAFF or act.op.startswith("run_sheet."):
        raise CommandRefused("bad_request", f"{act.op} is no act of a run-sheet")
    if context.user.role not in found.roles:
        raise CommandRefused("forbidden", f"{context.user.role} may not use {act.op}")
    raw = msgspec.json.encode(act.params)
    if len(raw) > ACT_BYTES_MAX:
        raise CommandRefused("too_long", f"the parameters of {act.op} are too long")
    found.decode(raw, Codec.JSON)


class RunNext(Params):
    expect: Annotated[int, msgspec.Meta(ge=0, le=RUN_SHEET_ITEMS_MAX)]


@command("run_sheet.next", roles=STAFF, rate=RateClass.STAFF)
async def run_next(context: Context, params: RunNext) -> dict[str, Any]:
    """Run the item numbered `expect` (from 0) if it is the next: pressed twice it runs once."""
    sheets, room_id, index = context.activities.run_sheets, context.room.room_id, params.expect
    begun = await sheets.begin(room_id, index, by=context.user.user_id, now_ms=context.now_ms)
    if begun is None:
        sheet = await sheets.read(room_id)
        if index > sheet.done:
            raise CommandRefused("conflict", f"the next item is number {sheet.done}")
        return {"ran": False, "next": sheet.done}
    act, answer = begun.items[index].act, {}
    try:
        if act is not None:
            answer = await perform(context, act.op, msgspec.json.encode(act.params), Codec.JSON)
    except (Refused, SaleRefused, CommandRefused) as refused:
        if refused.code not in UNKNOWN:  # else the item stays as running: it may have been done
            await sheets.change(room_id, lambda s: run_sheet.take_back(s, index), context.now_ms)
        raise
    await sheets.change(room_id, lambda s: run_sheet.finish(s, index), context.now_ms)
    return {"ran": True, "next": index + 1, "answer": answer}
