"""Who is asking over HTTP, and whether they may."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from room.errors import Unavailable
from room.shapes import User
from room.standing import role_here
from room.text import clean_name
from server.context import Services
from server.errors import CommandRefused
from server.fanout import LiveRoom
from server.guests import guest
from server.hub import RoomMissing
from server.origin import origin_of_request
from server.registry import STAFF
from server.tokens import BadToken, Identity

SERVICES: web.AppKey[Services] = web.AppKey("services", Services)
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def services_of(request: web.Request) -> Services:
    """The worker's parts."""
    return request.app[SERVICES]


def identify(request: web.Request, room_id: str | None = None) -> Identity:
    """The bearer of the request's token, or a guest without one: in a room, and with a `Device-Id`,
    the same as over a socket; without a `Device-Id`, the one guest of its address.

    Refuses `unauthorized` for a token that is not valid (for `room_id`, when given).
    """
    header = request.headers.get("Authorization")
    services = services_of(request)
    if header is None:
        if room_id is None:
            return guest(services.settings, "", "")
        origin = origin_of_request(request, services.settings)
        return guest(services.settings, room_id, origin.device, origin.address)
    scheme, _, token = header.partition(" ")
    try:
        if scheme.lower() != "bearer":
            raise BadToken
        return services.tokens.verify(token, now_ms=services.hub.now_ms(), room_id=room_id)
    except BadToken:
        raise CommandRefused("unauthorized", "the token is not valid here") from None


def require(request: web.Request, roles: Collection[str], room_id: str | None = None) -> Identity:
    """The bearer, who must have one of `roles`, by token or by the host's appointment."""
    user = _seated(request, identify(request, room_id), room_id)
    if user.role in roles:
        return user
    if user.role == "guest":
        raise CommandRefused("login_required", "this needs a token")
    raise CommandRefused("forbidden", f"{user.role} may not do this")


def _seated(request: web.Request, user: Identity, room_id: str | None) -> Identity:
    """With the role the user has in the room, as far as it is open (see `know_the_room`)."""
    room = services_of(request).hub.rooms.get(room_id) if room_id is not None else None
    if room is None:
        return user
    role = role_here(room.replica.state.assistants, user.user_id, user.role)
    return user if role == user.role else replace(user, role=role)


@web.middleware
async def know_the_room(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Open the room of the path before a person's role in it is asked for."""
    room_id = request.match_info.get("room_id", "")
    if _ID.fullmatch(room_id) and "Authorization" in request.headers:
        with contextlib.suppress(RoomMissing, Unavailable):
            await services_of(request).hub.open(room_id)
    return await handler(request)


async def note_act(
    request: web.Request, room_id: str, user: Identity, op: str, detail: dict[str, Any]
) -> None:
    """Keep an act of staff that came over HTTP and is no command."""
    services = services_of(request)
    actor = User(id=user.user_id, name=clean_name(user.name, user.user_id), role=user.role)
    now_ms = services.hub.now_ms()
    await services.moderation.trail.note(room_id, actor, op, detail, now_ms)


def require_login(request: web.Request) -> Identity:
    """The bearer, who must not be a guest."""
    user = identify(request)
    if user.role == "guest":
        raise CommandRefused("login_required", "this needs a token")
    return user


def require_staff(request: web.Request) -> Identity:
    """The bearer, who must be staff of the room in the path."""
    return require(request, STAFF, path_id(request, "room_id"))


def path_id(request: web.Request, name: str) -> str:
    """An id from the path; whatever is no id does not exist."""
    value = request.match_info[name]
    if not _ID.fullmatch(value):
        raise CommandRefused("not_found", "there is no such thing")
    return value


async def room_of(request: web.Request) -> LiveRoom:
    """The live room in the path."""
    try:
        return await services_of(request).hub.open(path_id(request, "room_id"))
    except RoomMissing:
        raise CommandRefused("not_found", "there is no such room") from None
