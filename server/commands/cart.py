"""The cart, add-on prices, and the rates of commissions."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from flash_sale.cart import CartLine, checkout_key
from flash_sale.errors import Refused as SaleRefused
from flash_sale.ports_rewards import BenefitAsk
from flash_sale.pricing import AddOn
from server.commands.fields import Cents, Id
from server.commands.sale_ref import buyer_of
from server.context import Context
from server.errors import CommandRefused
from server.registry import HOSTS, LOGGED_IN, Params, RateClass, command

Qty = Annotated[int, msgspec.Meta(ge=1, le=999)]


class InCart(Params):
    sale_id: Id
    sku_id: Id


class AddToCart(InCart):
    qty: Qty = 1


class SetInCart(InCart):
    qty: Annotated[int, msgspec.Meta(ge=0, le=999)]


@command("cart.add", roles=LOGGED_IN, rate=RateClass.BUY)
async def add(context: Context, params: AddToCart) -> dict[str, Any]:
    """Put more of a SKU into the cart; nothing is reserved."""
    line = CartLine(params.sale_id, params.sku_id, params.qty)
    carts, user_id = context.services.rewards.carts, context.user.user_id
    return {"qty": await carts.add(user_id, context.room.room_id, line, context.now_ms)}


@command("cart.set", roles=LOGGED_IN, rate=RateClass.BUY)
async def set_qty(context: Context, params: SetInCart) -> dict[str, Any]:
    """Have that many of a SKU in the cart; 0 takes it out."""
    line = CartLine(params.sale_id, params.sku_id, params.qty)
    carts, user_id = context.services.rewards.carts, context.user.user_id
    return {"qty": await carts.set(user_id, context.room.room_id, line, context.now_ms)}


@command("cart.remove", roles=LOGGED_IN, rate=RateClass.BUY)
async def remove(context: Context, params: InCart) -> dict[str, Any]:
    """Take a SKU out of the cart."""
    carts, room_id = context.services.rewards.carts, context.room.room_id
    await carts.remove(context.user.user_id, room_id, params.sale_id, params.sku_id)
    return {"qty": 0}


class CheckOut(Params):
    key: Annotated[str, msgspec.Meta(pattern=r"^[\x21-\x7e]{1,60}$(?!\n)")]
    coupon_id: Id | None = None
    platform_coupon_id: Id | None = None
    points: Annotated[int, msgspec.Meta(ge=0, le=100_000_000)] = 0
    channel: Id = "live"
    admissions: dict[Id, str] | None = None  # sale → token of its waiting room


@command("cart.checkout", roles=LOGGED_IN, rate=RateClass.BUY)
async def check_out(context: Context, params: CheckOut) -> dict[str, Any]:
    """Reserve the cart, one order a sale, each with its answer; the same key goes on with it."""
    services = context.services
    ask = BenefitAsk(params.coupon_id, params.platform_coupon_id, params.points)
    buyer = await buyer_of(context, context.room.replica.state.sales)
    now_ms = await services.sales.now_ms()
    room_id = context.room.room_id

    async def let_buy(sale_id: str) -> None:
        token = (params.admissions or {}).get(sale_id)
        try:
            await services.doorkeeper.let_buy(
                context.room,
                sale_id,
                buyer.user_id,
                context.origin,
                token,
                answered=lambda: services.reserve.answered(
                    sale_id, buyer.user_id, checkout_key(params.key, sale_id)
                ),
            )
        except CommandRefused as refused:
            raise SaleRefused(refused.code, refused.message, refused.retry_ms) from None

    carts = services.rewards.carts
    answers = await carts.check_out(
        buyer, room_id, params.key, ask, now_ms, let_buy, params.channel
    )
    return {"sales": answers}


class PutAddOn(InCart):
    unit_cents: Annotated[int, msgspec.Meta(ge=1, le=100_000_000)]
    threshold_cents: Cents


@command("addon.put", roles=HOSTS, rate=RateClass.STAFF)
async def put_add_on(context: Context, params: PutAddOn) -> dict[str, Any]:
    """Offer one unit of a SKU for less to who buys for so much of the same sale besides."""
    offer = AddOn(params.sku_id, params.unit_cents, params.threshold_cents)
    await context.services.rewards.carts.offer(context.room.room_id, params.sale_id, offer)
    return {}


@command("addon.remove", roles=HOSTS, rate=RateClass.STAFF)
async def remove_add_on(context: Context, params: InCart) -> dict[str, Any]:
    """End an add-on offer."""
    carts = context.services.rewards.carts
    await carts.withdraw(context.room.room_id, params.sale_id, params.sku_id)
    return {}


class SetCommission(Params):
    rate_bp: Annotated[int, msgspec.Meta(ge=0, le=10_000)]
    product_id: Id | None = None
    host_id: Id | None = None


@command("commission.set", roles=frozenset({"operator", "admin"}), rate=RateClass.STAFF)
async def set_commission(context: Context, params: SetCommission) -> dict[str, Any]:
    """Set a host's commission on orders from now on, in hundredths of a percent."""
    await context.services.rewards.books.set_rate(
        context.room.room_id,
        params.product_id or "",
        params.host_id or context.room.replica.state.host.id,
        params.rate_bp,
        actor=context.user.user_id,
        now_ms=context.now_ms,
    )
    return {}
