"""The flash sale: what the host does with it, and buying."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

import msgspec

from flash_sale import preflight
from flash_sale.doors import (
    LIMIT_MAX,
    OPENS_BEFORE_S_MAX,
    PUZZLE_BITS_MAX,
    RATE_PER_S_MAX,
    Door,
    Limits,
)
from flash_sale.eligibility import Eligibility
from flash_sale.ports_rewards import BenefitAsk
from flash_sale.sale import SaleSpec, SkuSpec
from room.addresses import clean_address
from room.limits import TITLE_GRAPHEMES_MAX
from room.state import require_live
from room.text import clean
from server.auction_orders import is_auction_sale
from server.commands.fields import Cents, Id, ShortText, Url
from server.commands.sale_ref import Key, SaleRef, buyer_of, own_sale, sale_as_stored
from server.context import Context
from server.errors import CommandRefused
from server.registry import HOSTS, LOGGED_IN, Params, RateClass, command

SKUS_MAX = 50
LINES_MAX = 20
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
    channels: dict[Id, Annotated[int, msgspec.Meta(ge=0, le=10_000_000)]] = {}


class Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may take part; what is left out, empty or false asks for nothing."""

    roles: list[Literal["viewer", "member", "assistant", "host", "operator", "admin"]] = []
    tiers: Annotated[list[Id], msgspec.Meta(max_length=20)] = []
    bought_before: bool = False
    follower: bool = False


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
    eligibility: Rules = Rules()


@command("sale.create", roles=HOSTS, rate=RateClass.STAFF)
async def create(context: Context, params: CreateSale) -> dict[str, Any]:
    """Set up a flash sale with its stock and prices. The same asked again is answered as made."""
    require_live(context.room.replica.state)
    sale_id = params.sale_id or context.services.new_id("s")
    if is_auction_sale(sale_id):
        raise CommandRefused("bad_request", "sales of this name are made of won auctions")
    spec = SaleSpec(
        sale_id=sale_id,
        skus=tuple(_sku(context, sku) for sku in params.skus),
        start=params.start,
        duration_s=params.duration_s,
        hold_s=params.hold_s,
        pay_s=_pay_s(params),
        eligibility=Eligibility(
            roles=tuple(params.eligibility.roles),
            tiers=tuple(params.eligibility.tiers),
            bought_before=params.eligibility.bought_before,
            follower=params.eligibility.follower,
        ),
    )
    services = context.services
    await _build_door(context, sale_id, params)
    await services.sales.create(spec, context.room.room_id, context.now_ms)
    await services.selling.show(sale_id)
    return {"sale_id": sale_id}


async def _build_door(context: Context, sale_id: str, params: CreateSale) -> None:
    """The sale's door, if it has one, before the sale itself: it is never open without."""
    services = context.services
    wanted = _door(context, sale_id, params)
    if await services.sales.get(sale_id) is not None:
        stands = await services.waiting_room.door(sale_id)
        if (wanted is None) != (stands is None):
            raise CommandRefused("conflict", "a sale of this id exists")
    if wanted is not None:
        await services.waiting_room.add(wanted)


def _door(context: Context, sale_id: str, params: CreateSale) -> Door | None:
    if params.waiting_room is None and params.pow is None and params.limits is None:
        return None
    room, limits = params.waiting_room, params.limits or DoorLimits()
    return Door(
        sale_id=sale_id,
        seed=context.services.new_seed(),
        rate_per_s=room.rate_per_s if room else 0,
        opens_before_s=room.opens_before_s if room else OPENS_BEFORE_S_MAX,
        puzzle_bits=params.pow.bits if params.pow else 0,
        limits=Limits(limits.user, limits.device, limits.address),
    )


def _pay_s(params: CreateSale) -> int:
    """The pay window: a little shorter than the hold, so money in flight finds its stock."""
    if params.pay_s is not None:
        return params.pay_s
    return max(1, params.hold_s - min(30, params.hold_s // 10))


def _sku(context: Context, sku: Sku) -> SkuSpec:
    """A SKU with title and picture from the room's catalogue where none are given."""
    product = context.room.replica.state.products.get(sku.product_id)
    title = clean(sku.title, graphemes_max=TITLE_GRAPHEMES_MAX, field="title") if sku.title else ""
    image = clean_address(sku.image, field="image")
    return SkuSpec(
        sku_id=sku.sku_id,
        product_id=sku.product_id,
        title=title or (product.title if product else sku.product_id),
        image=image or (product.image if product else ""),
        stock=sku.stock,
        sale_cents=sku.sale_cents,
        list_cents=sku.list_cents,
        per_user=sku.per_user,
        channels=dict(sku.channels),
    )


class StartSale(SaleRef):
    countdown_s: Annotated[int, msgspec.Meta(ge=0, le=300)] = 0
    preflight: Annotated[str, msgspec.Meta(max_length=64)] | None = None


@command("sale.preheat", roles=HOSTS, rate=RateClass.STAFF)
async def preheat(context: Context, params: SaleRef) -> dict[str, Any]:
    """Show a sale before it starts."""
    await own_sale(context, params.sale_id)
    await context.services.sales.preheat(params.sale_id)
    await context.services.selling.show(params.sale_id)
    return {}


@command("sale.start", roles=HOSTS, rate=RateClass.STAFF)
async def start(context: Context, params: StartSale) -> dict[str, Any]:
    """Start the countdown to a sale; it opens by the server's clock.

    A `preflight` token that is given must be fresh and the sale as it was looked at.
    """
    await own_sale(context, params.sale_id)
    if params.preflight is not None:
        seen = await sale_as_stored(context, params.sale_id)
        levels = await context.services.sales.levels(params.sale_id)
        at_ms = await context.services.sales.now_ms()
        preflight.check_seal(_secret(context), params.preflight, seen, levels, at_ms)
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


@command("sale.pause", roles=HOSTS, rate=RateClass.STAFF)
async def pause(context: Context, params: SaleRef) -> dict[str, Any]:
    """Refuse new buys at once; holds and payments go on."""
    await own_sale(context, params.sale_id)
    await context.services.sales.pause(params.sale_id)
    await context.services.selling.show(params.sale_id)
    return {"paused": True}


@command("sale.resume", roles=HOSTS, rate=RateClass.STAFF)
async def resume(context: Context, params: SaleRef) -> dict[str, Any]:
    """Sell again."""
    await own_sale(context, params.sale_id)
    await context.services.sales.resume(params.sale_id)
    await context.services.selling.show(params.sale_id)
    return {"paused": False}


@command("sale.preflight", roles=HOSTS, rate=RateClass.STAFF, looks=True)
async def look(context: Context, params: SaleRef) -> dict[str, Any]:
    """Look at everything before a start; the token of a clean look goes into `sale.start`."""
    services = context.services
    sale = await sale_as_stored(context, params.sale_id)
    levels = await services.sales.levels(sale.sale_id)
    audit = await services.auditor.audit_sale(sale.sale_id)
    at_ms = await services.sales.now_ms()
    drift_ms = services.hub.now_ms() - at_ms
    checks = preflight.inspect(sale, levels, audit, drift_ms=drift_ms)
    clean = all(check.ok for check in checks)
    token = preflight.seal(_secret(context), sale, levels, at_ms) if clean else None
    return {"checks": [check.to_wire() for check in checks], "token": token}


def _secret(context: Context) -> bytes:
    return context.services.settings.jwt_secret.get_secret_value().encode()


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
    channel: Id = "live"


@command("sale.buy", roles=LOGGED_IN, rate=RateClass.BUY)
async def buy(context: Context, params: Buy) -> dict[str, Any]:
    """Reserve stock; the same key always gets the same answer."""
    asked_s = asyncio.get_running_loop().time()
    await own_sale(context, params.sale_id)
    engine, user_id = context.services.reserve, context.user.user_id
    await context.services.doorkeeper.let_buy(
        context.room,
        params.sale_id,
        user_id,
        context.origin,
        params.admission,
        answered=lambda: engine.answered(params.sale_id, user_id, params.key),
    )
    buyer = await buyer_of(context, [params.sale_id])
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
            params.sale_id, buyer, lines, key, ask, await services.sales.now_ms(), params.channel
        )
    else:
        answer = await engine.reserve(
            params.sale_id, buyer, lines, key, channel=params.channel, asked_s=asked_s
        )
    held = answer.held  # reads the JSON anew each time
    if held is None:
        raise CommandRefused(answer.code, answer.message, retry_ms=answer.retry_ms)
    return held
