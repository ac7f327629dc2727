"""Lotteries and lucky bags: opening, joining, drawing, claiming."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from room import lottery
from server.commands.fields import Id, ShortText
from server.context import Context
from server.lotteries import wire_receipt
from server.registry import HOSTS, LOGGED_IN, Params, RateClass, command

FormField = Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
FormValue = Annotated[str, msgspec.Meta(max_length=1_000)]


class OpenLottery(Params):
    winners: Annotated[int, msgspec.Meta(ge=1, le=1_000)]
    prize: ShortText
    conditions: dict[str, str | int | bool | list[str]] | list[str] | str | None = None
    close_ms: Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)] | None = None
    manual: bool = False
    kind: Literal["lottery", "bag"] = "lottery"
    claim_s: Annotated[int, msgspec.Meta(ge=1, le=30 * 86_400)] | None = None
    form: Annotated[list[FormField], msgspec.Meta(max_length=8)] | None = None


@command("lottery.open", roles=HOSTS, rate=RateClass.STAFF)
async def open_lottery(context: Context, params: OpenLottery) -> dict[str, Any]:
    """Open a lottery; the seed is committed to before anyone joins."""
    spec = lottery.spec(
        winners=params.winners,
        prize=params.prize,
        conditions=params.conditions,
        close_ms=None if params.manual else params.close_ms,
        now_ms=context.now_ms,
        kind=params.kind,
        claim_s=params.claim_s,
        form=params.form,
    )
    opened = await context.activities.giveaways.open(context.room.replica, spec, context.now_ms)
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
    receipt = await context.services.lotteries.join(
        context.room, context.user, params.lottery_id, params.phrase
    )
    return {"receipt": wire_receipt(receipt)}


class LotteryRef(Params):
    lottery_id: Id


@command("lottery.status", roles=LOGGED_IN, rate=RateClass.TAP)
async def status(context: Context, params: LotteryRef) -> dict[str, Any]:
    """How far one is with each condition, and one's receipt."""
    services, room, user_id = context.services, context.room, context.user.user_id
    known = lottery.require_known(room.replica.state, params.lottery_id)
    receipt = await context.activities.giveaways.receipt(room.room_id, known.lottery_id, user_id)
    told: dict[str, Any] = {
        "lottery_id": known.lottery_id,
        "state": known.state,
        "receipt": wire_receipt(receipt) if receipt is not None else None,
    }
    if known.state == "open":
        progress = await services.lotteries.progress(room, context.user, known)
        lacking = [each for each in progress if not each["met"]]
        told |= {
            "conditions": progress,
            "qualified": all(each["condition"] == "present" for each in lacking),
        }
    return told


@command("lottery.draw", roles=HOSTS, rate=RateClass.STAFF)
async def draw(context: Context, params: LotteryRef) -> dict[str, Any]:
    """Freeze the entries and draw the winners; possible once."""
    replica = context.room.replica
    winners = await context.activities.giveaways.draw(replica, params.lottery_id, context.now_ms)
    return {"winners": [msgspec.to_builtins(winner) for winner in winners]}


class ClaimPrize(Params):
    lottery_id: Id
    form: Annotated[dict[FormField, FormValue], msgspec.Meta(max_length=8)] | None = None


@command("lottery.claim", roles=LOGGED_IN, rate=RateClass.BUY)
async def claim(context: Context, params: ClaimPrize) -> dict[str, Any]:
    """Claim what one has won; until the deadline the form can be corrected by claiming again."""
    claimed = await context.activities.claiming.claim(
        context.room.replica,
        params.lottery_id,
        context.user.user_id,
        params.form or {},
        context.now_ms,
    )
    return {"state": claimed.state, "claimed_ms": claimed.claimed_ms}


class Disqualify(Params):
    lottery_id: Id
    user_id: Id
    reason: ShortText


@command("lottery.disqualify", roles=HOSTS, rate=RateClass.STAFF)
async def disqualify(context: Context, params: Disqualify) -> dict[str, Any]:
    """Take a winner out; the next in rank wins instead."""
    redraw = await context.activities.claiming.disqualify(
        context.room.replica, params.lottery_id, params.user_id, params.reason, context.now_ms
    )
    return redraw.to_wire()
