"""What the crowd asked, how an auction went, and what the host has planned, over HTTP."""

from __future__ import annotations

from aiohttp import web

from room import run_sheet
from server.api.access import identify, path_id, require_staff, room_of, services_of
from server.api.responses import reply
from server.errors import CommandRefused

QUESTIONS_LISTED_MAX = 100

routes = web.RouteTableDef()


@routes.get("/v1/rooms/{room_id}/questions")
async def list_questions(request: web.Request) -> web.Response:
    """The open questions, the most wanted first, from behind `?after=` on; or `?state=answered`."""
    services = services_of(request)
    user = identify(request, path_id(request, "room_id"))
    room = await room_of(request)
    state, after = request.query.get("state", "open"), request.query.get("after")
    if state not in ("open", "answered"):
        raise CommandRefused("bad_request", "state must be open or answered")
    if state == "answered":
        found = await services.activities.questions.answered_ones(
            room.room_id, QUESTIONS_LISTED_MAX
        )
    else:
        found = await services.activities.questions.open_ones(
            room.room_id, user.user_id, after, QUESTIONS_LISTED_MAX
        )
    return reply({"questions": [standing.to_wire() for standing in found]})


@routes.get("/v1/rooms/{room_id}/auctions/{auction_id}/bids")
async def list_bids(request: web.Request) -> web.Response:
    """Every bid that was taken, first to last: strictly rising."""
    require_staff(request)
    room = await room_of(request)
    auctions = services_of(request).activities.auctions
    return reply({"bids": await auctions.history(room.room_id, path_id(request, "auction_id"))})


@routes.get("/v1/rooms/{room_id}/run-sheet")
async def show_run_sheet(request: web.Request) -> web.Response:
    """What is planned and what was run, planned minutes against actual ones."""
    require_staff(request)
    room = await room_of(request)
    sheet = await services_of(request).activities.run_sheets.read(room.room_id)
    return reply(run_sheet.report(sheet))
