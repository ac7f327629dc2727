"""Rooms over HTTP: creating, reading, and every command."""

from __future__ import annotations

import msgspec
import orjson
from aiohttp import web

from room.room import DEFAULT_SETTINGS
from room.shapes import User
from room.text import clean_name
from server.api.access import (
    identify,
    note_act,
    path_id,
    require,
    require_staff,
    room_of,
    services_of,
)
from server.api.responses import body_as, body_bytes, reply
from server.commands.fields import Id, ShortText, Url
from server.context import Context
from server.dispatch import answer
from server.error_codes import status_of
from server.errors import CommandRefused
from server.numbers import room_numbers
from server.origin import origin_of_request
from server.registry import HOSTS
from server.wire import Codec, MalformedFrame, decode_commands

ROOMS_LISTED_MAX = 100
EVENTS_LISTED_MAX = 1_000
ORDERS_LISTED_MAX = 100

routes = web.RouteTableDef()


class NewRoom(msgspec.Struct, frozen=True):
    """`POST /v1/rooms`."""

    room_id: Id | None = None
    title: ShortText = ""
    stream_url: Url = ""


@routes.post("/v1/rooms")
async def create_room(request: web.Request) -> web.Response:
    """Create a room; its host is whoever asks."""
    services = services_of(request)
    body = await body_as(request, NewRoom)
    user = require(request, HOSTS, body.room_id)
    if body.room_id is None and user.room != "*":
        raise CommandRefused("forbidden", f"this token is for room {user.room} only")
    room_id = body.room_id or services.new_id("r")
    name = clean_name(user.name, user.user_id)
    stored = await services.rooms.create(
        room_id=room_id,
        title=clean_name(body.title, room_id),
        stream_url=body.stream_url,
        host=User(id=user.user_id, name=name, role=user.role),
        now_ms=services.hub.now_ms(),
        settings=msgspec.structs.replace(
            DEFAULT_SETTINGS,
            chat_per_viewer_per_s=services.settings.chat_per_viewer_per_s,
            comments_per_user_per_s=services.settings.comments_per_user_per_s,
        ),
    )
    act = {"title": body.title, "stream_url": body.stream_url}
    await note_act(request, room_id, user, "room.create", act)
    return reply({"room_id": room_id, "epoch": stored.epoch}, status=201)


@routes.get("/v1/rooms")
async def list_rooms(request: web.Request) -> web.Response:
    """The newest rooms."""
    services = services_of(request)
    listed = []
    for entry in await services.archive.list_rooms(ROOMS_LISTED_MAX):
        live = services.hub.rooms.get(str(entry["room_id"]))
        shown = {str(name): value for name, value in entry.items()}
        listed.append({**shown, "online": live.state["online"] if live else 0})
    return reply({"rooms": listed})


@routes.get("/v1/rooms/{room_id}")
async def show_room(request: web.Request) -> web.Response:
    """The public snapshot a late joiner gets."""
    services = services_of(request)
    identify(request, path_id(request, "room_id"))
    room = await room_of(request)
    stamp = services.hub.ticker.stamp()
    return reply(
        {
            "room_id": room.room_id,
            "title": room.replica.state.title,
            "status": room.replica.state.status,
            "epoch": room.replica.epoch,
            "seq": room.replica.seq,
            "state": {**room.current(), **stamp},
            "recent": room.recent_events(),
            "server_ms": stamp["server_ms"],
        }
    )


@routes.post("/v1/rooms/{room_id}/commands")
async def run_command(request: web.Request) -> web.Response:
    """Any command of the registry, with the same object as over the socket.

    An `Idempotency-Key` header stands for the field `key`.
    """
    services = services_of(request)
    user = identify(request, path_id(request, "room_id"))
    room = await room_of(request)
    if user.user_id in room.replica.state.banned:
        raise CommandRefused("banned", "you may not enter this room")
    try:
        received = decode_commands(await _command_bytes(request), Codec.JSON)
    except MalformedFrame as error:
        raise CommandRefused("bad_request", str(error)) from error
    if len(received) != 1:
        raise CommandRefused("bad_request", "one command a request")
    now_ms = services.hub.now_ms()
    origin = origin_of_request(request, services.settings)
    context = Context(services, room, user, now_ms, "http", origin)
    result = await answer(context, received[0], Codec.JSON)
    return reply(result, status_of(result["err"]["code"]) if "err" in result else 200)


async def _command_bytes(request: web.Request) -> bytes:
    """The command, with an id where none was given and the key from the header."""
    data = await body_bytes(request)
    key = request.headers.get("Idempotency-Key")
    try:
        command = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise CommandRefused("bad_request", "the body is not JSON") from error
    if not isinstance(command, dict):
        raise CommandRefused("bad_request", "the body is not one command")
    if key is None and "id" in command:
        return data
    command.setdefault("id", 0)
    if key is not None and command.setdefault("key", key) != key:
        raise CommandRefused("bad_request", "Idempotency-Key and key differ")
    return orjson.dumps(command)


@routes.get("/v1/rooms/{room_id}/metrics")
async def show_metrics(request: web.Request) -> web.Response:
    """The room's numbers, at most two seconds old."""
    identify(request, path_id(request, "room_id"))
    room = await room_of(request)
    return reply(await room_numbers(services_of(request), room))


@routes.get("/v1/rooms/{room_id}/audit")
async def show_audit(request: web.Request) -> web.Response:
    """Conservation of stock, per sale and SKU, from the stores as they are now."""
    identify(request, path_id(request, "room_id"))
    room = await room_of(request)
    return reply(await services_of(request).auditor.audit_room(room.room_id))


@routes.get("/v1/rooms/{room_id}/timeline")
async def show_timeline(request: web.Request) -> web.Response:
    """The room's critical events so far, oldest first, from the archive."""
    require_staff(request)
    room = await room_of(request)
    events = await services_of(request).archive.timeline(room.room_id, EVENTS_LISTED_MAX)
    return reply({"events": events})


@routes.get("/v1/rooms/{room_id}/products")
async def list_products(request: web.Request) -> web.Response:
    """The room's catalogue, shown or not."""
    require_staff(request)
    room = await room_of(request)
    products = room.replica.state.products.values()
    return reply({"products": [msgspec.to_builtins(product) for product in products]})


@routes.get("/v1/rooms/{room_id}/orders")
async def list_room_orders(request: web.Request) -> web.Response:
    """The newest orders of the room, for its staff."""
    require_staff(request)
    room = await room_of(request)
    checkout = services_of(request).checkout
    return reply({"orders": await checkout.room_orders(room.room_id, ORDERS_LISTED_MAX)})


@routes.get("/v1/draws/{lottery_id}")
async def show_draw(request: web.Request) -> web.Response:
    """The public proof of a lottery: what anyone needs to check it."""
    lottery_id = path_id(request, "lottery_id")
    proof = await services_of(request).activities.giveaways.proof(lottery_id)
    if proof is None:
        raise CommandRefused("not_found", "there is no such draw")
    if proof["state"] == "drawn":
        redraws = await services_of(request).activities.claiming.redraws(lottery_id)
        proof["redraws"] = [redraw.to_wire() for redraw in redraws]
    return reply(proof)
