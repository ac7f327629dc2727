"""Lotteries: opening, joining, drawing."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from room import lottery
from server.commands.fields import Id, ShortText
from server.context import Context
from server.registry import HOSTS, LOGGED_IN, Params, RateClass, command


class OpenLottery(Params):
    winners: Annotated[int, msgspec.Meta(ge=1, le=1_000)]
    prize: ShortText
    conditions: dict[str, str | int | bool] | list[str] | str | None = None
    close_ms: Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)] | None = None
    manual: bool = False


@command("lottery.open", roles=HOSTS, rate=RateClass.STAFF)
async def open_lottery(context: Context, params: OpenLottery) -> dict[str, Any]:
    """Open a lottery; the seed is committed to before anyone joins."""
    spec = lottery.spec(
        winners=params.winners,
        prize=params.prize,
        conditions=params.conditions,
        close_ms=None if params.manual else params.close_ms,
        now_ms=context.now_ms,
    )
    opened = await context.services.giveaways.open(context.room.replica, spec, context.now_ms)
    return {
        "lottery_id": opened.lottery_id,
        "seed_hash": opened.seed_hash,
        "rules_hash": opened.rules_hash,
    }


class JoinLottery(Params):
    lottery_id: Id
    phrase: ShortText | None = None


@command("lottery.join", roles=LOGGED_IN, rate=RateClass.TAP)
async def join(context: Context, params: JoinLottery) -> dict[str, Any]:
    """Enter a lottery; a repeat returns the same receipt."""
    services = context.services
    await services.heartbeat.credit_now(context.room, context.user.user_id)
    receipt = await services.giveaways.join(
        context.room.replica,
        params.lottery_id,
        context.speaker,
        params.phrase,
        context.now_ms,
    )
    return {"receipt": {"index": receipt.index, "running_hash": receipt.running_hash}}


class LotteryRef(Params):
    lottery_id: Id


@command("lottery.draw", roles=HOSTS, rate=RateClass.STAFF)
async def draw(context: Context, params: LotteryRef) -> dict[str, Any]:
    """Freeze the entries and draw the winners; possible once."""
    replica = context.room.replica
    winners = await context.services.giveaways.draw(replica, params.lottery_id, context.now_ms)
    return {"winners": [msgspec.to_builtins(winner) for winner in winners]}
