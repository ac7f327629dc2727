"""Red-packet rains: starting, grabbing, stopping."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from room import rain
from room.limits import (
    RAIN_COUNT_MAX,
    RAIN_COUNTDOWN_S_MAX,
    RAIN_PER_USER_MAX,
    RAIN_S_MAX,
    RAIN_TOTAL_CENTS_MAX,
)
from server.commands.fields import Id
from server.context import Context
from server.registry import HOSTS, LOGGED_IN, Params, RateClass, command

GrabKey = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{0,64}$(?!\n)")]


class StartRain(Params):
    total_cents: Annotated[int, msgspec.Meta(ge=1, le=RAIN_TOTAL_CENTS_MAX)]
    count: Annotated[int, msgspec.Meta(ge=1, le=RAIN_COUNT_MAX)]
    seconds: Annotated[int, msgspec.Meta(ge=1, le=RAIN_S_MAX)]
    per_user: Annotated[int, msgspec.Meta(ge=1, le=RAIN_PER_USER_MAX)] = 1
    starts_in_s: Annotated[int, msgspec.Meta(ge=0, le=RAIN_COUNTDOWN_S_MAX)] = 0


@command("rain.start", roles=HOSTS, rate=RateClass.STAFF)
async def start(context: Context, params: StartRain) -> dict[str, Any]:
    """Let red packets rain, at once or after a countdown; the amounts are committed to first."""
    spec = rain.spec(
        total_cents=params.total_cents,
        count=params.count,
        seconds=params.seconds,
        per_user=params.per_user,
        starts_in_s=params.starts_in_s,
    )
    handouts, replica = context.activities.handouts, context.room.replica
    started = await handouts.start_rain(replica, spec, context.now_ms)
    return {
        "rain_id": started.rain_id,
        "amounts_hash": started.amounts_hash,
        "open_ms": started.open_ms,
        "close_ms": started.close_ms,
    }


class Grab(Params):
    rain_id: Id
    key: GrabKey = ""


@command("rain.grab", roles=LOGGED_IN, rate=RateClass.TAP)
async def grab(context: Context, params: Grab) -> dict[str, Any]:
    """Grab a packet; the same key (or none: one's first) always gives the same amount."""
    claim = await context.activities.handouts.grab(
        context.room.replica, params.rain_id, context.speaker, params.key, context.now_ms
    )
    return {"amount_cents": claim.amount_cents, "index": claim.index}


class RainRef(Params):
    rain_id: Id


@command("rain.stop", roles=HOSTS, rate=RateClass.STAFF)
async def stop(context: Context, params: RainRef) -> dict[str, Any]:
    """End a rain before its time; what nobody grabbed is returned."""
    handouts, replica = context.activities.handouts, context.room.replica
    rain.require_known(replica.state, params.rain_id)
    await handouts.stop(replica, params.rain_id, context.now_ms)
    return {}
