"""Who may not speak, who may not stay."""

from __future__ import annotations

from typing import Any

from room import moderation
from server.commands.fields import Id, Seconds
from server.context import Context
from server.error_codes import CloseCode
from server.registry import HOSTS, STAFF, Params, RateClass, command
from server.wire import event_json


class MuteUser(Params):
    user_id: Id
    seconds: Seconds


class UserRef(Params):
    user_id: Id


@command("user.mute", roles=STAFF, rate=RateClass.STAFF)
async def mute(context: Context, params: MuteUser) -> dict[str, Any]:
    """Silence a user for some seconds; 0 lifts it."""
    by, now_ms = context.speaker, context.now_ms
    await context.change(
        lambda state: moderation.mute(
            state, user_id=params.user_id, seconds=params.seconds, by=by, now_ms=now_ms
        )
    )
    until_ms = now_ms + params.seconds * 1000 if params.seconds else 0
    event = event_json("muted", now_ms, {"until_ms": until_ms})
    context.services.hub.tell_user(context.room.room_id, params.user_id, event)
    return {"until_ms": until_ms}


@command("user.ban", roles=STAFF, rate=RateClass.STAFF)
async def ban(context: Context, params: UserRef) -> dict[str, Any]:
    """Put a user out of the room for good; their sockets are closed."""
    by = context.speaker
    await context.change(lambda state: moderation.ban(state, user_id=params.user_id, by=by))
    return {}


@command("user.unban", roles=STAFF, rate=RateClass.STAFF)
async def unban(context: Context, params: UserRef) -> dict[str, Any]:
    """Let a banned user back in."""
    by = context.speaker
    await context.change(lambda state: moderation.unban(state, user_id=params.user_id, by=by))
    return {}


@command("user.kick", roles=STAFF, rate=RateClass.STAFF)
async def kick(context: Context, params: UserRef) -> dict[str, Any]:
    """Close a user's sockets in this room, on every worker; they may come back."""
    context.services.hub.kick(context.room.room_id, params.user_id, CloseCode.KICKED)
    return {}


@command("assistant.add", roles=HOSTS, rate=RateClass.STAFF)
async def appoint(context: Context, params: UserRef) -> dict[str, Any]:
    """Make a user an assistant of this room, at once and until dismissed."""
    by = context.speaker
    await context.change(lambda state: moderation.appoint(state, user_id=params.user_id, by=by))
    return {}


@command("assistant.remove", roles=HOSTS, rate=RateClass.STAFF)
async def dismiss(context: Context, params: UserRef) -> dict[str, Any]:
    """Take the role of an assistant back, at once."""
    by = context.speaker
    await context.change(lambda state: moderation.dismiss(state, user_id=params.user_id, by=by))
    return {}
