"""A room's public lanes over plain HTTP: numbered objects that never change, for caches to carry.

Who asks is not looked at: everybody is given the same bytes, so that one answer serves all. What
is no tick (not yet, no more, never) may be shared by a cache for a second, and by nobody longer.
"""

from __future__ import annotations

import re

import orjson
from aiohttp import web

from room.errors import Unavailable
from room.ports import Sequenced
from server.api.access import path_id, services_of
from server.api.responses import refusal
from server.dispatch import unavailable
from server.errors import CommandRefused
from server.hub import RoomMissing
from server.tick_desk import TickDesk
from server.tick_shelf import Kept, TickGone

TICK_MAX_AGE_S = 60  # as long as the server keeps it itself
HISTORY_EVENTS_MAX = 1_000  # of one answer; the next begins behind its last
JOINED = "public, max-age=0, s-maxage=1"  # a crowd turned away is one question a second
IMMUTABLE = f"public, max-age={TICK_MAX_AGE_S}, immutable"
BRIEF = "public, max-age=1"
_NUMBER = re.compile(r"[0-9]{1,15}")
_EPOCH = re.compile(r"[A-Za-z0-9_-]{1,64}")
_WORDS = {
    "tick_expired": "this tick is no longer kept: begin again at `start`",
    "tick_unknown": "this tick is far ahead: begin again at `start`",
    "room_ended": "this room has ended: there are no more ticks",
}

routes = web.RouteTableDef()


@routes.get("/v1/rooms/{room_id}/ticks")
async def show_start(request: web.Request) -> web.Response:
    """Where readers over plain HTTP begin: the public state, and the number of the next tick."""
    desk, room_id = services_of(request).ticks, path_id(request, "room_id")
    try:
        return _kept(request, await desk.start(room_id), BRIEF)
    except RoomMissing:
        return _refused(CommandRefused("not_found", "there is no such room"))
    except Unavailable:
        return _refused(unavailable())


@routes.get("/v1/rooms/{room_id}/ticks/{n}")
async def show_tick(request: web.Request) -> web.Response:
    """One tick, for ever the same; the next one is waited for, 204 when it does not come."""
    desk, room_id = services_of(request).ticks, path_id(request, "room_id")
    number = request.match_info["n"]
    try:
        if not _NUMBER.fullmatch(number):
            raise TickGone("tick_unknown", 0)
        return await _tick(request, desk, room_id, int(number))
    except TickGone as gone:
        details = {"start": f"/v1/rooms/{room_id}/ticks", "next": gone.following}
        return _refused(CommandRefused(gone.code, _WORDS[gone.code], details=details))
    except RoomMissing:
        return _refused(CommandRefused("not_found", "there is no such room"))
    except Unavailable:
        return _refused(unavailable())


async def _tick(request: web.Request, desk: TickDesk, room_id: str, n: int) -> web.Response:
    kept = await desk.tick(room_id, n)
    if kept is None:
        return web.Response(status=204, headers={"Cache-Control": JOINED})
    return _kept(request, kept, IMMUTABLE)


@routes.get("/v1/rooms/{room_id}/history/{epoch}/{seq}")
async def show_history(request: web.Request) -> web.Response:
    """The critical events behind a place in the room's sequence, for readers who have a gap."""
    services, room_id = services_of(request), path_id(request, "room_id")
    epoch, seq = request.match_info["epoch"], request.match_info["seq"]
    try:
        room = await services.hub.open(room_id)
        if not _EPOCH.fullmatch(epoch) or not _NUMBER.fullmatch(seq):
            return _history_gone(room_id)
        events = room.replica.since(epoch, int(seq))
        if events is None and epoch == room.replica.epoch:
            found = await services.room_store.events_after(room_id, int(seq), HISTORY_EVENTS_MAX)
            events = found[1] if found is not None and found[0] == epoch else None
    except RoomMissing:
        return _refused(CommandRefused("not_found", "there is no such room"))
    except Unavailable:
        return _refused(unavailable())
    if events is None:
        return _history_gone(room_id)
    return _history(epoch, int(seq), events[:HISTORY_EVENTS_MAX])


def _history(epoch: str, seq: int, events: list[Sequenced]) -> web.Response:
    last = events[-1].seq if events else seq
    body = b'{"epoch":%b,"seq":%d,"ev":[%b]}' % (
        orjson.dumps(epoch),
        last,
        b",".join(event.raw for event in events),
    )
    return _json(body, BRIEF)


def _history_gone(room_id: str) -> web.Response:
    details = {"start": f"/v1/rooms/{room_id}/ticks"}
    words = "these events are no longer kept: begin again at `start`"
    return _refused(CommandRefused("history_gone", words, details=details))


def _kept(request: web.Request, kept: Kept, cache_control: str) -> web.Response:
    headers = {"Cache-Control": cache_control, "ETag": kept.tag}
    if request.headers.get("If-None-Match") == kept.tag:
        return web.Response(status=304, headers=headers)
    response = _json(kept.body, cache_control)
    response.headers["ETag"] = kept.tag
    return response


def _json(body: bytes, cache_control: str) -> web.Response:
    response = web.Response(body=body, content_type="application/json", charset="utf-8")
    response.headers["Cache-Control"] = cache_control
    return response


def _refused(refused: CommandRefused) -> web.Response:
    response = refusal(refused)
    response.headers["Cache-Control"] = JOINED
    return response
