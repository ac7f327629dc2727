"""The audit trail of a room: who of the staff did what and when, in pages and as CSV."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
from aiohttp import web

from room.ports import RoomArchive
from server.api.access import path_id, require_staff, services_of
from server.api.csv_answer import MARK, csv_rows, send_csv
from server.api.responses import reply
from server.errors import CommandRefused

PAGE_MAX = 200
CSV_PAGE = 1_000
CSV_ROWS_MAX = 200_000
_COLUMNS = ("at_ms", "actor_id", "actor_name", "actor_role", "op", "detail")

routes = web.RouteTableDef()


@routes.get("/v1/rooms/{room_id}/staff-acts")
async def list_staff_acts(request: web.Request) -> web.Response:
    """The newest acts; `before` an act's id and `limit` page back. `next` is null at the end."""
    require_staff(request)
    archive, room_id = services_of(request).archive, path_id(request, "room_id")
    limit = _number(request, "limit", 50, PAGE_MAX) or PAGE_MAX
    acts = await archive.staff_acts(room_id, limit, _number(request, "before", None, 2**53))
    after = acts[-1]["act_id"] if len(acts) == limit else None
    return reply({"acts": acts, "next": after})


@routes.get("/v1/rooms/{room_id}/staff-acts.csv")
async def export_staff_acts(request: web.Request) -> web.StreamResponse:
    """All acts as CSV, newest first."""
    require_staff(request)
    room_id = path_id(request, "room_id")
    pages = _csv_pages(services_of(request).archive, room_id)
    return await send_csv(request, f"{room_id}-staff-acts.csv", pages)


def _number(request: web.Request, name: str, default: int | None, highest: int) -> int | None:
    text = request.query.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or not 1 <= len(text) <= 16 or int(text) < 1:
        raise CommandRefused("bad_request", f"{name} must be a positive number")
    return min(int(text), highest)


async def _csv_pages(archive: RoomArchive, room_id: str) -> AsyncIterator[bytes]:
    acts = await archive.staff_acts(room_id, CSV_PAGE)
    yield MARK + csv_rows([_COLUMNS, *map(_row, acts)])
    written = len(acts)
    while len(acts) == CSV_PAGE and written < CSV_ROWS_MAX:
        last = acts[-1]["act_id"]
        assert isinstance(last, int)
        acts = await archive.staff_acts(room_id, CSV_PAGE, last)
        written += len(acts)
        yield csv_rows(map(_row, acts))


def _row(act: dict[str, Any]) -> tuple[object, ...]:
    actor, detail = act["actor"], orjson.dumps(act["detail"]).decode()
    return (act["at_ms"], actor["id"], actor["name"], actor["role"], act["op"], detail)
