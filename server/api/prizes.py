"""Who won a lottery and where the prize goes: for the room's host and the operator, nobody else."""

from __future__ import annotations

from aiohttp import web

from room.claims import Claim
from server.api.access import path_id, require, services_of
from server.api.csv_answer import MARK, csv_headers, csv_rows
from server.api.responses import reply
from server.registry import HOSTS

PATH = "/v1/rooms/{room_id}/lotteries/{lottery_id}"
COLUMNS = ("rank", "user_id", "name", "state", "claim_by_ms", "claimed_ms", "note")

routes = web.RouteTableDef()


@routes.get(PATH + "/claims")
async def list_claims(request: web.Request) -> web.Response:
    """Everybody who ever won, by rank: how their claim stands and what they filled in."""
    claims = await _claims(request)
    return reply({"claims": [{**_standing(claim), "form": form} for claim, form in claims]})


@routes.get(PATH + "/claims.csv")
async def export_claims(request: web.Request) -> web.Response:
    """The same as CSV, a column for each field of the form."""
    claims = await _claims(request)
    fields = list(dict.fromkeys(field for _, form in claims for field in form))
    rows: list[list[object]] = [[*COLUMNS, *fields]]
    for claim, form in claims:
        standing = _standing(claim)
        rows.append([*(standing[name] for name in COLUMNS), *(form.get(name) for name in fields)])
    filename = f"{path_id(request, 'lottery_id')}-claims.csv"
    return web.Response(body=MARK + csv_rows(rows), headers=csv_headers(filename))


async def _claims(request: web.Request) -> list[tuple[Claim, dict[str, str]]]:
    room_id = path_id(request, "room_id")
    require(request, HOSTS, room_id)
    claiming = services_of(request).activities.claiming
    return await claiming.claims(room_id, path_id(request, "lottery_id"))


def _standing(claim: Claim) -> dict[str, object]:
    return {name: getattr(claim, name) for name in COLUMNS}
