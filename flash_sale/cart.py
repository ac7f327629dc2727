"""The cart: what somebody means to buy. It reserves nothing and keeps no price.

An order is of one sale, so the cart is looked at and checked out sale by sale. The view says which
coupon is best now, how many cents are missing to a better one (凑单), and which add-ons are offered
(加价购); the price that counts is decided at the reservation.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from flash_sale.benefits import Benefits
from flash_sale.channels import LIVE
from flash_sale.checkout_plan import (
    REMEMBERED_MS,
    Basket,
    CheckoutPlan,
    PlanLedger,
    PlannedSale,
    allot,
)
from flash_sale.coupon_desk import CouponDesk
from flash_sale.directory import SaleDirectory
from flash_sale.eligibility import Buyer
from flash_sale.errors import Refused, not_found, unknown_outcome
from flash_sale.ports_rewards import BenefitAsk
from flash_sale.pricing import AddOn, PricedLine, Reduction, quote, reduction_cents
from flash_sale.reserve import QTY_MAX, ReserveEngine
from flash_sale.sale import Sale

LINES_MAX = 50  # of one cart
KEY_CHARS_MAX = 60  # of a checkout: the sale's id is put behind it


@dataclass(frozen=True, slots=True)
class CartLine:
    sale_id: str
    sku_id: str
    qty: int


class CartLedger(Protocol):
    async def lines(self, user_id: str, room_id: str) -> list[CartLine]: ...
    async def put(
        self, user_id: str, room_id: str, line: CartLine, *, now_ms: int, lines_max: int
    ) -> bool: ...
    async def remove(
        self, user_id: str, room_id: str, sale_id: str, sku_ids: Sequence[str]
    ) -> None: ...
    async def put_add_on(self, room_id: str, sale_id: str, offer: AddOn) -> None: ...
    async def remove_add_on(self, sale_id: str, sku_id: str) -> None: ...
    async def add_ons(self, sale_id: str) -> list[AddOn]: ...


class Carts:
    def __init__(
        self,
        ledger: CartLedger,
        plans: PlanLedger,
        directory: SaleDirectory,
        coupons: CouponDesk,
        benefits: Benefits,
        engine: ReserveEngine,
    ) -> None:
        self._ledger = ledger
        self._plans = plans
        self._directory = directory
        self._coupons = coupons
        self._benefits = benefits
        self._engine = engine

    async def add(self, user_id: str, room_id: str, line: CartLine, now_ms: int) -> int:
        """Put more of a SKU in; how many of it there are then."""
        known = {(x.sale_id, x.sku_id): x for x in await self._ledger.lines(user_id, room_id)}
        before = known.get((line.sale_id, line.sku_id))
        qty = min(QTY_MAX, line.qty + (before.qty if before else 0))
        return await self.set(user_id, room_id, CartLine(line.sale_id, line.sku_id, qty), now_ms)

    async def set(self, user_id: str, room_id: str, line: CartLine, now_ms: int) -> int:
        """Have that many of a SKU in the cart; 0 takes it out. Refused not_found, conflict."""
        if line.qty <= 0:
            await self._ledger.remove(user_id, room_id, line.sale_id, [line.sku_id])
            return 0
        sale = await self._sale(line.sale_id, room_id)
        if sale.sku(line.sku_id) is None:
            raise not_found("SKU in this sale")
        if not await self._ledger.put(user_id, room_id, line, now_ms=now_ms, lines_max=LINES_MAX):
            raise Refused("conflict", f"A cart holds {LINES_MAX} lines at most.")
        return line.qty

    async def remove(self, user_id: str, room_id: str, sale_id: str, sku_id: str) -> None:
        await self._ledger.remove(user_id, room_id, sale_id, [sku_id])

    async def offer(self, room_id: str, sale_id: str, offer: AddOn) -> None:
        """Sell one unit of a SKU for less to who buys for so much besides. Refused bad_request."""
        sku = (await self._sale(sale_id, room_id)).sku(offer.sku_id)
        if sku is None:
            raise not_found("SKU in this sale")
        if offer.unit_cents >= sku.sale_cents:
            raise Refused("bad_request", "An add-on price is below the sale price.")
        await self._ledger.put_add_on(room_id, sale_id, offer)

    async def withdraw(self, room_id: str, sale_id: str, sku_id: str) -> None:
        await self._sale(sale_id, room_id)
        await self._ledger.remove_add_on(sale_id, sku_id)

    async def view(self, user_id: str, room_id: str, now_ms: int) -> list[dict[str, object]]:
        """One entry a sale: lines, price, best coupon, hint and add-ons."""
        lines = await self._ledger.lines(user_id, room_id)
        owned = await self._coupons.owned(user_id, now_ms)
        reductions = [
            _reduction(coupon)
            for coupon in owned
            if coupon["state"] == "claimed"
            and coupon["scope"] == "shop"
            and coupon["room_id"] == room_id
        ]
        shown = []
        for sale_id in dict.fromkeys(line.sale_id for line in lines):
            sale = await self._directory.find(sale_id)
            if sale is not None:
                mine = [line for line in lines if line.sale_id == sale_id]
                offers = await self._ledger.add_ons(sale_id)
                shown.append(view_sale(sale, mine, reductions, offers))
        return shown

    async def check_out(
        self,
        buyer: Buyer,
        room_id: str,
        key: str,
        ask: BenefitAsk,
        now_ms: int,
        let_buy: Callable[[str], Awaitable[None]],
        channel: str = LIVE,
    ) -> list[dict[str, object]]:
        """Reserve the cart, one order a sale; what was held leaves the cart.

        Each sale answers for itself with `ok` or the code of its refusal. What the key buys is
        written down first (see `checkout_plan.py`): asked again, also after a crash in the middle,
        it tells the same holds and goes on with the rest, whatever is in the cart by then.
        `let_buy` is asked for each sale before its stock and raises `Refused` for whom its door is
        closed. Refused key_reused: this key came with another channel, coupon or points.
        """
        if len(key) > KEY_CHARS_MAX:
            raise Refused("bad_request", f"The key has {KEY_CHARS_MAX} characters at most.")
        plan = await self._plan(buyer.user_id, room_id, key, ask, channel, now_ms)
        answers: list[dict[str, object]] = []
        for nth, one in enumerate(plan.sales):
            try:
                await let_buy(one.sale_id)
                answer = await self._reserve(
                    buyer, one, checkout_key(key, one.sale_id), plan.channel, now_ms
                )
            except Refused as refusal:
                answer = {"err": _refused(refusal)}
            if "ok" in answer:
                await self._take_out(buyer.user_id, room_id, key, nth, one)
            answers.append({"sale_id": one.sale_id, **answer})
        return answers

    async def _take_out(
        self, user_id: str, room_id: str, key: str, nth: int, one: PlannedSale
    ) -> None:
        """What was held leaves the cart. Refused unknown_outcome: the same key does it."""
        try:
            await self._plans.take_out(user_id, room_id, key, nth, one)
        except Refused as refusal:
            raise unknown_outcome() from refusal

    async def forget(self, now_ms: int) -> int:
        """Drop the plans of keys that no longer need an answer; how many."""
        return await self._plans.forget_plans(now_ms - REMEMBERED_MS)

    async def _plan(
        self, user_id: str, room_id: str, key: str, ask: BenefitAsk, channel: str, now_ms: int
    ) -> CheckoutPlan:
        wish = f"{channel}|{ask.text}"
        plan = await self._plans.plan(user_id, room_id, key)
        if plan is None:
            sales = await self._planned(user_id, room_id, ask)
            plan = CheckoutPlan(wish, channel, sales)
            if sales:
                plan = await self._plans.keep_plan(user_id, room_id, key, plan, now_ms)
        if plan.wish != wish:
            raise Refused("key_reused", "This key was used for another request.")
        return plan

    async def _planned(
        self, user_id: str, room_id: str, ask: BenefitAsk
    ) -> tuple[PlannedSale, ...]:
        lines = await self._ledger.lines(user_id, room_id)
        if not lines:
            return ()
        by_sale: dict[str, list[CartLine]] = {}
        for line in lines:
            by_sale.setdefault(line.sale_id, []).append(line)
        baskets = [await self._basket(sale_id, mine) for sale_id, mine in by_sale.items()]
        coupons = [await self._find(one) for one in (ask.coupon_id, ask.platform_coupon_id)]
        shares = allot(baskets, ask, *coupons)
        return tuple(
            PlannedSale(sale_id, tuple((line.sku_id, line.qty) for line in mine), share)
            for (sale_id, mine), share in zip(by_sale.items(), shares, strict=True)
        )

    async def _basket(self, sale_id: str, lines: Sequence[CartLine]) -> Basket:
        sale = await self._directory.find(sale_id)
        if sale is None:
            return Basket(())
        return Basket(_priced(sale, lines), tuple(await self._ledger.add_ons(sale_id)))

    async def _find(self, coupon_id: str | None) -> Reduction | None:
        """None also for a coupon that is not there: the sale it goes with says so."""
        if coupon_id is None:
            return None
        try:
            return (await self._coupons.find(coupon_id)).reduction
        except Refused as refusal:
            if refusal.code != "not_found":
                raise
            return None

    async def _reserve(
        self, buyer: Buyer, one: PlannedSale, key: str, channel: str, now_ms: int
    ) -> dict[str, object]:
        if one.ask:
            answer = await self._benefits.reserve(
                one.sale_id, buyer, one.lines, key, one.ask, now_ms, channel
            )
        else:
            answer = await self._engine.reserve(one.sale_id, buyer, one.lines, key, channel=channel)
        if answer.held is None:
            err = {"code": answer.code, "message": answer.message, "retry_ms": answer.retry_ms}
            return {"err": err}
        return {"ok": answer.held}

    async def _sale(self, sale_id: str, room_id: str) -> Sale:
        sale = await self._directory.find(sale_id)
        if sale is None or sale.room_id != room_id:
            raise not_found("sale in this room")
        return sale


def checkout_key(key: str, sale_id: str) -> str:
    """Of the buy in one sale that a checkout makes."""
    return f"{key}.{sale_id}"


def view_sale(
    sale: Sale,
    lines: Sequence[CartLine],
    reductions: Sequence[Reduction],
    offers: Sequence[AddOn],
) -> dict[str, object]:
    """One sale of a cart, priced with the best coupon. Pure."""
    priced = _priced(sale, lines)
    plain = quote(priced, add_ons=offers)
    base = plain.amount_cents
    reached = [one for one in reductions if one.threshold_cents <= base]
    best = max(reached, key=lambda one: reduction_cents(one, base), default=None)
    best_off = reduction_cents(best, base) if best is not None else 0
    quoted = quote(priced, add_ons=offers, coupon=best)
    in_cart = {line.sku_id for line in priced}
    others = sum(line.cents for line in priced if line.sku_id not in {o.sku_id for o in offers})
    return {
        "sale_id": sale.sale_id,
        "currency": sale.currency,
        "lines": [
            {
                "sku_id": line.sku_id,
                "qty": line.qty,
                "unit_cents": line.unit_cents,
                "title": _title(sale, line.sku_id),
            }
            for line in priced
        ],
        "subtotal_cents": quoted.subtotal_cents,
        "amount_cents": quoted.amount_cents,
        "discounts": [discount.to_wire() for discount in quoted.discounts],
        "hint": _hint(reductions, base, best_off),
        "add_ons": [
            {
                "sku_id": offer.sku_id,
                "unit_cents": offer.unit_cents,
                "threshold_cents": offer.threshold_cents,
                "missing_cents": max(0, offer.threshold_cents - others),
                "in_cart": offer.sku_id in in_cart,
            }
            for offer in offers
        ],
    }


def _priced(sale: Sale, lines: Sequence[CartLine]) -> tuple[PricedLine, ...]:
    return tuple(
        PricedLine(line.sku_id, line.qty, sku.sale_cents)
        for line in lines
        if (sku := sale.sku(line.sku_id)) is not None
    )


def _hint(reductions: Sequence[Reduction], base: int, best_off: int) -> dict[str, object] | None:
    """The nearest coupon that would take off more than the best one does now."""
    better = [
        (one.threshold_cents - base, -_off_at_threshold(one), one)
        for one in reductions
        if one.threshold_cents > base and _off_at_threshold(one) > best_off
    ]
    if not better:
        return None
    missing, off, one = min(better, key=lambda entry: entry[:2])
    return {
        "coupon_id": one.coupon_id,
        "title": one.title,
        "missing_cents": missing,
        "off_cents": -off,
    }


def _off_at_threshold(one: Reduction) -> int:
    return reduction_cents(one, one.threshold_cents)


def _title(sale: Sale, sku_id: str) -> str:
    sku = sale.sku(sku_id)
    return sku.title if sku else sku_id


def _reduction(owned: Mapping[str, object]) -> Reduction:
    return Reduction(
        coupon_id=str(owned["coupon_id"]),
        title=str(owned["title"]),
        threshold_cents=int(str(owned["threshold_cents"])),
        off_cents=int(str(owned["off_cents"])),
        percent=int(str(owned["percent"])),
    )


def _refused(refusal: Refused) -> dict[str, object]:
    return {"code": refusal.code, "message": refusal.message, "retry_ms": refusal.retry_ms}
