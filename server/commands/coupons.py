"""Coupons in the room: dropping and claiming."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from flash_sale.coupons import Coupon, Scope, Segment, Task
from room import coupons
from room.text import normalise
from server.commands.fields import Cents, Count, Id, Seconds, ShortText
from server.commands.sale_ref import Key
from server.context import Context
from server.errors import CommandRefused
from server.registry import HOSTS, LOGGED_IN, Params, RateClass, command

PLATFORM_ROLES = frozenset({"operator", "admin"})  # whose money a platform coupon is
VALID_S = 86_400


class DropCoupon(Params):
    title: ShortText
    quota: Count
    coupon_id: Id | None = None
    off_cents: Cents = 0
    percent: Annotated[int, msgspec.Meta(ge=0, le=99)] = 0
    threshold_cents: Cents = 0
    per_user: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1
    task: Literal["", "watch_s", "comment", "share", "like"] = ""
    watch_s: Seconds = 0
    valid_s: Annotated[int, msgspec.Meta(ge=1, le=366 * 86_400)] = VALID_S
    segment: Literal["all", "new", "bought"] = "all"
    repurchase: bool = False
    scope: Literal["shop", "platform"] = "shop"


@command("coupon.drop", roles=HOSTS, rate=RateClass.STAFF)
async def drop(context: Context, params: DropCoupon) -> dict[str, Any]:
    """Drop a coupon to claim; `repurchase` also gives it to who pays (of the segment)."""
    services, user = context.services, context.user
    if params.scope == "platform" and user.role not in PLATFORM_ROLES:
        raise CommandRefused("forbidden", "platform coupons are the operator's")
    coupon = await services.rewards.coupons.drop(
        Coupon(
            coupon_id=params.coupon_id or services.new_id("cp"),
            room_id=context.room.room_id,
            title=normalise(params.title),
            quota=params.quota,
            created_ms=context.now_ms,
            off_cents=params.off_cents,
            percent=params.percent,
            threshold_cents=params.threshold_cents,
            per_user=params.per_user,
            valid_s=params.valid_s,
            scope=Scope(params.scope),
            task=Task(params.task),
            watch_s=params.watch_s,
            segment=Segment.BOUGHT if params.repurchase else Segment(params.segment),
            repurchase=Segment(params.segment) if params.repurchase else None,
        )
    )
    await context.change(lambda state: coupons.drop(state, coupon.to_wire()))
    await services.couponing.show(context.room)
    return {"coupon_id": coupon.coupon_id, "closes_ms": coupon.closes_ms}


class ClaimCoupon(Params):
    coupon_id: Id
    key: Key = "first"


@command("coupon.claim", roles=LOGGED_IN, rate=RateClass.BUY)
async def claim(context: Context, params: ClaimCoupon) -> dict[str, Any]:
    """Take a coupon; the same key (there is one for who gives none) takes the same one."""
    services, room, user_id = context.services, context.room, context.user.user_id
    coupon = await services.rewards.coupons.find(params.coupon_id, room.room_id)
    watched_ms = 0
    if coupon.task is Task.WATCH:
        await services.heartbeat.credit_now(room, user_id)
        watched_ms = await services.room_store.watched_ms(room.room_id, user_id)
    return await services.rewards.coupons.claim(coupon, user_id, params.key, watched_ms=watched_ms)
