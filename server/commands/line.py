"""The line before a sale, and waiting for what comes back."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from flash_sale.waiting_room import Proof
from server.commands.fields import Id
from server.commands.sale_ref import SaleRef, buyer_of, own_sale
from server.context import Context
from server.registry import LOGGED_IN, RateClass, command

ShortToken = Annotated[str, msgspec.Meta(max_length=128)]


class ProofOfWork(msgspec.Struct, frozen=True):
    challenge: ShortToken
    nonce: ShortToken


class Join(SaleRef):
    proof: ProofOfWork | None = None


@command("queue.join", roles=LOGGED_IN, rate=RateClass.CONTROL)
async def join(context: Context, params: Join) -> dict[str, Any]:
    """Take a place in the line of a sale; the same person has one place."""
    await own_sale(context, params.sale_id)
    buyer = await buyer_of(context, [params.sale_id])
    await context.services.reserve.require_eligible(params.sale_id, buyer)
    proof = Proof(params.proof.challenge, params.proof.nonce) if params.proof else None
    return await context.services.doorkeeper.join(
        context.room, params.sale_id, context.user.user_id, context.origin, proof
    )


@command("queue.status", roles=LOGGED_IN, rate=RateClass.CONTROL)
async def status(context: Context, params: SaleRef) -> dict[str, Any]:
    """How one stands in the line, and from now on be told when that changes."""
    await own_sale(context, params.sale_id)
    return await context.services.doorkeeper.status(
        context.room, params.sale_id, context.user.user_id
    )


@command("queue.leave", roles=LOGGED_IN, rate=RateClass.CONTROL)
async def leave(context: Context, params: SaleRef) -> dict[str, Any]:
    """Give the place in the line up."""
    await own_sale(context, params.sale_id)
    left = await context.services.doorkeeper.leave(
        context.room, params.sale_id, context.user.user_id
    )
    return {"left": left}


class WaitFor(SaleRef):
    sku_id: Id
    qty: Annotated[int, msgspec.Meta(ge=1, le=20)] = 1


class NoLongerWaitFor(SaleRef):
    sku_id: Id


@command("waitlist.join", roles=LOGGED_IN, rate=RateClass.CONTROL)
async def wait_for(context: Context, params: WaitFor) -> dict[str, Any]:
    """Wait for pieces of a sold out SKU; what comes back is held for the first in line."""
    await own_sale(context, params.sale_id)
    buyer = await buyer_of(context, [params.sale_id])
    ahead = await context.services.offers.join(params.sale_id, buyer, params.sku_id, params.qty)
    return {"sku_id": params.sku_id, "qty": params.qty, "ahead": ahead}


@command("waitlist.leave", roles=LOGGED_IN, rate=RateClass.CONTROL)
async def no_longer_wait_for(context: Context, params: NoLongerWaitFor) -> dict[str, Any]:
    """No longer wait for a SKU."""
    await own_sale(context, params.sale_id)
    left = await context.services.offers.leave(params.sale_id, context.user.user_id, params.sku_id)
    return {"left": left}


@command("waitlist.status", roles=LOGGED_IN, rate=RateClass.CONTROL)
async def waits_for(context: Context, params: SaleRef) -> dict[str, Any]:
    """What one waits for in a sale."""
    await own_sale(context, params.sale_id)
    offers = context.services.offers
    return {"waiting": await offers.standing(params.sale_id, context.user.user_id)}
