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
from flash_sale.coupon_desk import CouponDesk
from flash_sale.directory import SaleDirectory
from flash_sale.eligibility import Buyer
from flash_sale.errors import Refused, not_found
from flash_sale.ports_rewards import BenefitAsk
from flash_sale.pricing import AddOn, PricedLine, Reduction, quote, reduction_cents
from flash_sale.reserve import QTY_MAX, ReserveEngine
from flash_sale.sale import Sale

LINES_MAX = 50  # of one cart
SALE_LINES_MAX = 20  # of one order
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
        directory: SaleDirectory,
        coupons: CouponDesk,
        benefits: Benefits,
        engine: ReserveEngine,
    ) -> None:
        self._ledger = ledger
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
    ) -> list[dict[str, object]]:
        """Reserve the cart, one order a sale; what was held leaves the cart.

        Each sale answers for itself with `ok` or the code of its refusal. Coupons and points go
        with the first sale in the cart; add-ons are taken wherever they are offered. The same key
        gets the same answers for the same cart. `let_buy` is asked for each sale before its stock
        and raises `Refused` for whom its door is closed.
        """
        if len(key) > KEY_CHARS_MAX:
            raise Refused("bad_request", f"The key has {KEY_CHARS_MAX} characters at most.")
        lines = await self._ledger.lines(buyer.user_id, room_id)
        answers: list[dict[str, object]] = []
        for nth, sale_id in enumerate(dict.fromkeys(line.sale_id for line in lines)):
            mine = [(line.sku_id, line.qty) for line in lines if line.sale_id == sale_id]
            offers = {offer.sku_id for offer in await self._ledger.add_ons(sale_id)}
            skus = tuple(sku for sku, _ in mine if sku in offers)
            own = ask if nth == 0 else BenefitAsk()
            full = BenefitAsk(own.coupon_id, own.platform_coupon_id, own.points, skus)
            try:
                await let_buy(sale_id)
            except Refused as refusal:
                answers.append({"sale_id": sale_id, "err": _refused(refusal)})
                continue
            answer = await self._reserve(sale_id, buyer, mine, f"{key}.{sale_id}", full, now_ms)
            if "ok" in answer:
                await self._ledger.remove(buyer.user_id, room_id, sale_id, [sku for sku, _ in mine])
            answers.append({"sale_id": sale_id, **answer})
        return answers

    async def _reserve(
        self,
        sale_id: str,
        buyer: Buyer,
        lines: Sequence[tuple[str, int]],
        key: str,
        ask: BenefitAsk,
        now_ms: int,
    ) -> dict[str, object]:
        try:
            if ask:
                answer = await self._benefits.reserve(sale_id, buyer, lines, key, ask, now_ms)
            else:
                answer = await self._engine.reserve(sale_id, buyer, lines, key)
        except Refused as refusal:
            return {"err": _refused(refusal)}
        if answer.held is None:
            err = {"code": answer.code, "message": answer.message, "retry_ms": answer.retry_ms}
            return {"err": err}
        return {"ok": answer.held}

    async def _sale(self, sale_id: str, room_id: str) -> Sale:
        sale = await self._directory.find(sale_id)
        if sale is None or sale.room_id != room_id:
            raise not_found("sale in this room")
        return sale


def view_sale(
    sale: Sale,
    lines: Sequence[CartLine],
    reductions: Sequence[Reduction],
    offers: Sequence[AddOn],
) -> dict[str, object]:
    """One sale of a cart, priced with the best coupon. Pure."""
    priced = [
        PricedLine(line.sku_id, line.qty, sku.sale_cents)
        for line in lines
        if (sku := sale.sku(line.sku_id)) is not None
    ]
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
