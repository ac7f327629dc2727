"""What operators see of lines, waitlists and refusals; and the proof of a shuffle for everybody."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from server.api.access import path_id, require_staff, room_of, services_of
from server.api.responses import reply
from server.errors import CommandRefused

routes = web.RouteTableDef()


@routes.get("/v1/rooms/{room_id}/risk")
async def show_risk(request: web.Request) -> web.Response:
    """Per sale: people in line and let in, people on the waitlists, and what each rule refused."""
    require_staff(request)
    services = services_of(request)
    room = await room_of(request)
    told: list[dict[str, Any]] = []
    for sale_id in room.replica.state.sales:
        report = await services.doorkeeper.report(sale_id)
        waitlist = await services.offers.lengths(sale_id)
        told.append({"sale_id": sale_id, **report, "waitlist": waitlist})
    return reply({"sales": told})


@routes.get("/v1/sales/{sale_id}/shuffle")
async def show_shuffle(request: web.Request) -> web.Response:
    """How early arrivals were shuffled: the seed once it may be told, and their tickets."""
    sale_id = path_id(request, "sale_id")
    proof = await services_of(request).waiting_room.proof(sale_id)
    if proof is None:
        raise CommandRefused("not_found", "there is no such line")
    return reply(proof)
