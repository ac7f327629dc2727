"""The flash sale: what the host does with it, and buying."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from flash_sale.doors import (
    LIMIT_MAX,
    OPENS_BEFORE_S_MAX,
    PUZZLE_BITS_MAX,
    RATE_PER_S_MAX,
    Door,
    Limits,
)
from flash_sale.ports_rewards import BenefitAsk
from flash_sale.reserve import Buyer
from flash_sale.sale import SaleSpec, SkuSpec
from server.commands.fields import Cents, Count, Id, ShortText, Url
from server.context import Context
from server.errors import CommandRefused
from server.registry import HOSTS, LOGGED_IN, Params, RateClass, command

SKUS_MAX = 50
LINES_MAX = 20
Key = Annotated[str, msgspec.Meta(pattern=r"^[\x21-\x7e]{1,128}$")]
DurationS = Annotated[int, msgspec.Meta(ge=1, le=7 * 24 * 3600)]


class Sku(msgspec.Struct, frozen=True, kw_only=True):
    sku_id: Id
    product_id: Id
    stock: Annotated[int, msgspec.Meta(ge=0, le=10_000_000)]
    sale_cents: Annotated[int, msgspec.Meta(ge=1, le=100_000_000)]
    list_cents: Cents = 0
    per_user: Annotated[int, msgspec.Meta(ge=0, le=1_000)] = 1
    title: ShortText = ""
    image: Url = ""


class WaitingRoom(msgspec.Struct, frozen=True):
    rate_per_s: Annotated[int, msgspec.Meta(ge=1, le=RATE_PER_S_MAX)]
    opens_before_s: Annotated[int, msgspec.Meta(ge=0, le=OPENS_BEFORE_S_MAX)] = 300


class Puzzle(msgspec.Struct, frozen=True):
    bits: Annotated[int, msgspec.Meta(ge=1, le=PUZZLE_BITS_MAX)]


Limit = Annotated[int, msgspec.Meta(ge=0, le=LIMIT_MAX)]


class DoorLimits(msgspec.Struct, frozen=True):
    user: Limit = Limits().user
    device: Limit = Limits().device
    address: Limit = Limits().address


class CreateSale(Params):
    skus: Annotated[list[Sku], msgspec.Meta(min_length=1, max_length=SKUS_MAX)]
    sale_id: Id | None = None
    start: Literal["manual", "now"] | Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)] = "manual"
    duration_s: DurationS = 600
    hold_s: DurationS = 330
    pay_s: DurationS | None = None
    waiting_room: WaitingRoom | None = None
    pow: Puzzle | None = None
    limits: DoorLimits | None = None


@command("sale.create", roles=HOSTS, rate=RateClass.STAFF)
async def create(context: Context, params: CreateSale) -> dict[str, Any]:
    """Set up a flash sale with its stock and prices."""
    sale_id = params.sale_id or context.services.new_id("s")
    spec = SaleSpec(
        sale_id=sale_id,
        skus=tuple(_sku(context, sku) for sku in params.skus),
        start=params.start,
        duration_s=params.duration_s,
        hold_s=params.hold_s,
        pay_s=_pay_s(params),
    )
    services = context.services
    await _build_door(context, sale_id, params)
    await services.sales.create(spec, context.room.room_id, context.now_ms)
    await services.selling.show(sale_id)
    return {"sale_id": sale_id}


async def _build_door(context: Context, sale_id: str, params: CreateSale) -> None:
    """The sale's door, if it has one, before the sale itself: it is never open without."""
    if params.waiting_room is None and params.pow is None and params.limits is None:
        return
    if await context.services.sales.get(sale_id) is not None:
        raise CommandRefused("conflict", "a sale of this id exists")
    room, limits = params.waiting_room, params.limits or DoorLimits()
    door = Door(
        sale_id=sale_id,
        seed=context.services.new_seed(),
        rate_per_s=room.rate_per_s if room else 0,
        opens_before_s=room.opens_before_s if room else OPENS_BEFORE_S_MAX,
        puzzle_bits=params.pow.bits if params.pow else 0,
        limits=Limits(limits.user, limits.device, limits.address),
    )
    await context.services.waiting_room.add(door)


def _pay_s(params: CreateSale) -> int:
    """The pay window: a little shorter than the hold, so money in flight finds its stock."""
    if params.pay_s is not None:
        return params.pay_s
    return max(1, params.hold_s - min(30, params.hold_s // 10))


def _sku(context: Context, sku: Sku) -> SkuSpec:
    """A SKU with title and picture from the room's catalogue where none are given."""
    product = context.room.replica.state.products.get(sku.product_id)
    return SkuSpec(
        sku_id=sku.sku_id,
        product_id=sku.product_id,
        title=sku.title or (product.title if product else sku.product_id),
        image=sku.image or (product.image if product else ""),
        stock=sku.stock,
        sale_cents=sku.sale_cents,
        list_cents=sku.list_cents,
        per_user=sku.per_user,
    )


class SaleRef(Params):
    sale_id: Id


class StartSale(SaleRef):
    countdown_s: Annotated[int, msgspec.Meta(ge=0, le=300)] = 0


@command("sale.preheat", roles=HOSTS, rate=RateClass.STAFF)
async def preheat(context: Context, params: SaleRef) -> dict[str, Any]:
    """Show a sale before it starts."""
    await own_sale(context, params.sale_id)
    await context.services.sales.preheat(params.sale_id)
    await context.services.selling.show(params.sale_id)
    return {}


@command("sale.start", roles=HOSTS, rate=RateClass.STAFF)
async def start(context: Context, params: StartSale) -> dict[str, Any]:
    """Start the countdown to a sale; it opens by the server's clock."""
    await own_sale(context, params.sale_id)
    sale = await context.services.sales.start(params.sale_id, params.countdown_s)
    await context.services.selling.show(params.sale_id)
    return {"start_ms": sale.start_ms, "end_ms": sale.end_ms}


@command("sale.stop", roles=HOSTS, rate=RateClass.STAFF)
async def stop(context: Context, params: SaleRef) -> dict[str, Any]:
    """End a sale now; holds keep their deadline."""
    await own_sale(context, params.sale_id)
    await context.services.sales.stop(params.sale_id)
    await context.services.selling.show(params.sale_id)
    return {}


class ChangeStock(SaleRef):
    sku_id: Id
    qty: Count
    reason: ShortText = ""
    key: Key | None = None


@command("stock.restock", roles=HOSTS, rate=RateClass.STAFF)
async def restock(context: Context, params: ChangeStock) -> dict[str, Any]:
    """Add stock to a SKU of a sale."""
    await own_sale(context, params.sale_id)
    level = await context.services.sales.restock(
        params.sale_id,
        params.sku_id,
        params.qty,
        actor=context.user.user_id,
        reason=params.reason,
        key=params.key,
    )
    return {"left": level.left, "v": level.v}


@command("stock.write_off", roles=HOSTS, rate=RateClass.STAFF)
async def write_off(context: Context, params: ChangeStock) -> dict[str, Any]:
    """Take unsold stock of a SKU out of a sale."""
    await own_sale(context, params.sale_id)
    level = await context.services.sales.write_off(
        params.sale_id,
        params.sku_id,
        params.qty,
        actor=context.user.user_id,
        reason=params.reason,
        key=params.key,
    )
    return {"left": level.left, "v": level.v}


async def own_sale(context: Context, sale_id: str) -> None:
    """Refuse a sale of another room as if it did not exist."""
    if sale_id in context.room.replica.state.sales:
        return
    sale = await context.services.sales.get(sale_id)
    if sale is None or sale.room_id != context.room.room_id:
        raise CommandRefused("not_found", "there is no such sale in this room")


class Line(msgspec.Struct, frozen=True):
    sku_id: Id
    qty: Annotated[int, msgspec.Meta(ge=1, le=1_000)]


class Buy(SaleRef):
    lines: Annotated[list[Line], msgspec.Meta(min_length=1, max_length=LINES_MAX)]
    key: Key
    coupon_id: Id | None = None
    platform_coupon_id: Id | None = None
    points: Annotated[int, msgspec.Meta(ge=0, le=100_000_000)] = 0
    add_on_skus: Annotated[tuple[Id, ...], msgspec.Meta(max_length=LINES_MAX)] = ()
    admission: Annotated[str, msgspec.Meta(max_length=128)] | None = None


@command("sale.buy", roles=LOGGED_IN, rate=RateClass.BUY)
async def buy(context: Context, params: Buy) -> dict[str, Any]:
    """Reserve stock; the same key always gets the same answer."""
    await own_sale(context, params.sale_id)
    await context.services.doorkeeper.let_buy(
        context.room, params.sale_id, context.user.user_id, context.origin, params.admission
    )
    buyer = Buyer(context.user.user_id, role=context.user.role)
    lines = [(line.sku_id, line.qty) for line in params.lines]
    ask = BenefitAsk(
        coupon_id=params.coupon_id,
        platform_coupon_id=params.platform_coupon_id,
        points=params.points,
        add_on_skus=params.add_on_skus,
    )
    services, key = context.services, params.key
    if ask:
        answer = await services.rewards.benefits.reserve(
            params.sale_id, buyer, lines, key, ask, await services.sales.now_ms()
        )
    else:
        answer = await services.reserve.reserve(params.sale_id, buyer, lines, key)
    if answer.held is None:
        raise CommandRefused(answer.code, answer.message, retry_ms=answer.retry_ms)
    return answer.held
