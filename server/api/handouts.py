"""Public proofs of what was handed out: rains and gifts."""

from __future__ import annotations

from aiohttp import web

from server.api.access import path_id, services_of
from server.api.responses import reply
from server.errors import CommandRefused

routes = web.RouteTableDef()


@routes.get("/v1/rains/{rain_id}")
async def show_rain(request: web.Request) -> web.Response:
    """The public proof of a red-packet rain: the commitment, and after the end who got what."""
    return await _proof(request, "rain", "rain_id")


@routes.get("/v1/gifts/{gift_id}")
async def show_gift(request: web.Request) -> web.Response:
    """The public proof of a gift: its rules, and after the end the first ones in their order."""
    return await _proof(request, "gift", "gift_id")


async def _proof(request: web.Request, kind: str, name: str) -> web.Response:
    proof = await services_of(request).activities.handouts.proof(kind, path_id(request, name))
    if proof is None:
        raise CommandRefused("not_found", f"there is no such {kind}")
    return reply(proof)
