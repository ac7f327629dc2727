"""Gifts for the first N who qualify: opening, claiming, closing."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from room import gifts
from room.conditions import Standing
from room.limits import GIFT_QUOTA_MAX, WATCH_S_MAX
from server.commands.fields import Id, ShortText
from server.context import Context
from server.registry import HOSTS, LOGGED_IN, Params, RateClass, command


class OpenGift(Params):
    title: ShortText
    quota: Annotated[int, msgspec.Meta(ge=1, le=GIFT_QUOTA_MAX)]
    watch_s: Annotated[int, msgspec.Meta(ge=0, le=WATCH_S_MAX)] | None = None
    conditions: dict[str, str | int | bool] | list[str] | str | None = None
    close_ms: Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)] | None = None


@command("gift.open", roles=HOSTS, rate=RateClass.STAFF)
async def open_gift(context: Context, params: OpenGift) -> dict[str, Any]:
    """Offer a gift to the first `quota` people who fulfil its conditions."""
    spec = gifts.spec(
        title=params.title,
        quota=params.quota,
        watch_s=params.watch_s,
        conditions=params.conditions,
        close_ms=params.close_ms,
        now_ms=context.now_ms,
    )
    handouts, replica = context.activities.handouts, context.room.replica
    opened = await handouts.open_gift(replica, spec, context.now_ms)
    return {"gift_id": opened.gift_id, "rules_hash": opened.rules_hash}


class ClaimGift(Params):
    gift_id: Id
    phrase: ShortText | None = None


@command("gift.claim", roles=LOGGED_IN, rate=RateClass.TAP)
async def claim(context: Context, params: ClaimGift) -> dict[str, Any]:
    """Claim a gift, first come first served; a repeat gives the same position and receipt."""
    services, room = context.services, context.room
    gift = gifts.require_known(room.replica.state, params.gift_id)
    standing = Standing()
    if gift.state == "open":
        standing = await services.lotteries.standing(
            room, context.user, gift.gift_id, gift.conditions, params.phrase
        )
    got = await context.activities.handouts.claim(
        room.replica, gift.gift_id, context.speaker, standing
    )
    receipt = {"index": got.index, "running_hash": got.running_hash}
    return {"position": got.index + 1, "receipt": receipt}


class GiftRef(Params):
    gift_id: Id


@command("gift.close", roles=HOSTS, rate=RateClass.STAFF)
async def close(context: Context, params: GiftRef) -> dict[str, Any]:
    """Take a gift back before everything is claimed; claims so far stand."""
    handouts, replica = context.activities.handouts, context.room.replica
    gifts.require_known(replica.state, params.gift_id)
    await handouts.stop(replica, params.gift_id, context.now_ms)
    return {}
