"""The room itself: settings and the end of the live."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from room import settings
from server.commands.fields import Seconds, ShortText, Url
from server.context import Context
from server.registry import HOSTS, STAFF, Params, RateClass, command

PerSecond = Annotated[int, msgspec.Meta(ge=0, le=100_000)]


class SetRoom(Params):
    slow_mode_s: Seconds | None = None
    followers_only: bool | None = None
    unique_chat_s: Seconds | None = None
    comments_per_user_per_s: PerSecond | None = None
    chat_per_viewer_per_s: PerSecond | None = None
    lotteries_at_once: PerSecond | None = None
    synced_popups: bool | None = None
    title: ShortText | None = None
    stream_url: Url | None = None


@command("room.set", roles=STAFF, rate=RateClass.STAFF)
async def set_room(context: Context, params: SetRoom) -> dict[str, Any]:
    """Change the room's settings; 0 means no limit."""
    given = {k: v for k, v in msgspec.structs.asdict(params).items() if v is not None}
    await context.change(lambda state: settings.change(state, given))
    return {}


class EndRoom(Params):
    pass


@command("room.end", roles=HOSTS, rate=RateClass.STAFF)
async def end_room(context: Context, params: EndRoom) -> dict[str, Any]:
    """End the live; every socket is closed after being told."""
    await context.change(settings.end)
    return {}
