"""Following the room's host."""

from __future__ import annotations

from typing import Any

from server.context import Context
from server.registry import LOGGED_IN, Params, RateClass, command


class Follow(Params):
    pass


@command("host.follow", roles=LOGGED_IN, rate=RateClass.TAP)
async def follow(context: Context, params: Follow) -> dict[str, Any]:
    """Follow the room's host."""
    return await _change(context, following=True)


@command("host.unfollow", roles=LOGGED_IN, rate=RateClass.TAP)
async def unfollow(context: Context, params: Follow) -> dict[str, Any]:
    """Follow the room's host no longer."""
    return await _change(context, following=False)


async def _change(context: Context, *, following: bool) -> dict[str, Any]:
    after = await context.services.followers.change(
        context.room, context.user.user_id, following=following
    )
    return {"following": after.following, "followers": after.followers}
