"""Who is asking over HTTP, and whether they may."""

from __future__ import annotations

import re
from collections.abc import Collection
from uuid import uuid4

from aiohttp import web

from server.context import Services
from server.errors import CommandRefused
from server.fanout import LiveRoom
from server.hub import RoomMissing
from server.registry import STAFF
from server.tokens import BadToken, Identity

SERVICES: web.AppKey[Services] = web.AppKey("services", Services)
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def services_of(request: web.Request) -> Services:
    """The worker's parts."""
    return request.app[SERVICES]


def identify(request: web.Request, room_id: str | None = None) -> Identity:
    """The bearer of the request's token, or a guest without one.

    Refuses `unauthorized` for a token that is not valid (for `room_id`, when given).
    """
    header = request.headers.get("Authorization")
    if header is None:
        return Identity.guest(f"g_{uuid4().hex[:20]}")
    scheme, _, token = header.partition(" ")
    services = services_of(request)
    try:
        if scheme.lower() != "bearer":
            raise BadToken
        return services.tokens.verify(token, now_ms=services.hub.now_ms(), room_id=room_id)
    except BadToken:
        raise CommandRefused("unauthorized", "the token is not valid here") from None


def require(request: web.Request, roles: Collection[str], room_id: str | None = None) -> Identity:
    """The bearer, who must have one of `roles`."""
    user = identify(request, room_id)
    if user.role in roles:
        return user
    if user.role == "guest":
        raise CommandRefused("login_required", "this needs a token")
    raise CommandRefused("forbidden", f"{user.role} may not do this")


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
