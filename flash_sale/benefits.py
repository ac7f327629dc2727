"""Buying with coupons, points and add-on prices: what is used is kept before stock is asked for.

Two steps that can never give two discounts for one coupon nor lose one:

1. SQL keeps the coupons and points under the key of the buy, all or none, with the price as it is
   quoted now. A known key gets the same price again.
2. The reserve script holds the stock at that price, once a key, and writes the discounts into the
   stored answer and the journal.

Refused for certain, the attempt leaves the hold and the last one to leave gives everything back.
Held, the order's row takes the hold over in the transaction that writes it, and each later move of
the order releases or uses it in its own transaction. Unknown, it stays kept: the same key tells,
and `step` looks twice, half a minute apart, before it gives back what no reservation has.
"""

from __future__ import annotations

from collections.abc import Sequence

from flash_sale.channels import LIVE
from flash_sale.coupon_desk import CouponDesk
from flash_sale.coupons import Scope
from flash_sale.directory import SaleDirectory
from flash_sale.eligibility import Buyer
from flash_sale.errors import Refused, not_found
from flash_sale.ports import StockStore
from flash_sale.ports_rewards import BenefitAsk, BenefitHold, BenefitLedger
from flash_sale.pricing import BelowThreshold, PricedLine, Quote, Reduction, merged, quote
from flash_sale.reserve import Answer, Price, ReserveEngine, fingerprint, wanted_lines
from flash_sale.sale import Sale

DOUBT_MS = 30_000  # far beyond the second that a call to Redis may take
BATCH_HOLDS_MAX = 100
NOTHING = Quote(0, 0, (), ())  # for a buy decided before: its hold knows
IN_DOUBT = frozenset(("held", "unknown_outcome", "unavailable"))  # any other answer held nothing


class Benefits:
    def __init__(
        self,
        ledger: BenefitLedger,
        coupons: CouponDesk,
        directory: SaleDirectory,
        stock: StockStore,
        engine: ReserveEngine,
    ) -> None:
        self._ledger = ledger
        self._coupons = coupons
        self._directory = directory
        self._stock = stock
        self._engine = engine

    async def reserve(
        self,
        sale_id: str,
        buyer: Buyer,
        lines: Sequence[tuple[str, int]],
        key: str,
        ask: BenefitAsk,
        now_ms: int,
        channel: str = LIVE,
    ) -> Answer:
        """As `ReserveEngine.reserve`, at the price that `ask` gives.

        Refused besides: coupon_unavailable, below_threshold, points_short; nothing was held.
        """
        wanted = wanted_lines(lines)
        if wanted is None:
            return Answer("bad_request")
        try:
            hold = await self._keep(sale_id, buyer.user_id, wanted, key, ask, now_ms)
        except Refused:
            # Perhaps another attempt of this very buy was faster and has the coupon.
            if await self._ledger.find(sale_id, buyer.user_id, key) is None:
                raise
            hold = await self._keep(sale_id, buyer.user_id, wanted, key, ask, now_ms)
        if hold.ask != kept_as(ask, wanted):
            return Answer("key_reused")
        price = Price(hold.off_cents, hold.discounts if hold.off_cents else "", ask.text)
        answer = await self._engine.reserve(
            sale_id, buyer, lines, key, channel=channel, price=price
        )
        if answer.code not in IN_DOUBT:
            await self._ledger.leave(hold.hold_id, now_ms)
        return answer

    async def _keep(
        self,
        sale_id: str,
        user_id: str,
        lines: Sequence[tuple[str, int]],
        key: str,
        ask: BenefitAsk,
        now_ms: int,
    ) -> BenefitHold:
        known = await self._ledger.find(sale_id, user_id, key)
        quoted = NOTHING
        claim_ids: list[str] = []
        if known is None or (known.state == "released" and known.order_id is None):
            quoted, claim_ids = await self.quote(sale_id, user_id, lines, ask, now_ms)
        wish = kept_as(ask, lines)
        return await self._ledger.hold(sale_id, user_id, key, wish, quoted, claim_ids, now_ms)

    async def quote(
        self,
        sale_id: str,
        user_id: str,
        lines: Sequence[tuple[str, int]],
        ask: BenefitAsk,
        now_ms: int,
    ) -> tuple[Quote, list[str]]:
        """What it would cost now, and the claims that would be used. Reserves nothing."""
        sale = await self._directory.find(sale_id)
        if sale is None:
            raise not_found("sale")
        priced = price_lines(sale, lines)
        offers = await self._ledger.add_ons_of(sale_id, ask.add_on_skus) if ask.add_on_skus else []
        reductions: list[Reduction | None] = []
        claim_ids = []
        for coupon_id, scope in (
            (ask.coupon_id, Scope.SHOP),
            (ask.platform_coupon_id, Scope.PLATFORM),
        ):
            if coupon_id is None:
                reductions.append(None)
                continue
            coupon = await self._coupons.find(coupon_id)
            if coupon.scope is not scope or not _valid_at(coupon.scope, coupon.room_id, sale):
                raise Refused("coupon_unavailable", "This coupon is not for this sale.")
            claim_ids.append(await self._coupons.usable(coupon, user_id, now_ms))
            reductions.append(coupon.reduction)
        try:
            quoted = quote(
                priced,
                add_ons=offers,
                coupon=reductions[0],
                platform_coupon=reductions[1],
                points=ask.points,
            )
        except BelowThreshold as below:
            raise Refused(
                "below_threshold",
                "The order is too small for this coupon.",
                details={"coupon_id": below.coupon_id, "missing_cents": below.missing_cents},
            ) from below
        return quoted, claim_ids

    async def step(self, now_ms: int) -> int:
        """Give back what is kept for buys that never became reservations; how many.

        Refused unknown_outcome or unavailable: a store is away, come back later.
        """
        done = 0
        for hold in await self._ledger.doubtful(now_ms - DOUBT_MS, BATCH_HOLDS_MAX):
            done += await self._look(hold, now_ms)
        return done

    async def _look(self, hold: BenefitHold, now_ms: int) -> int:
        answer = await self._stock.stored_answer(hold.sale_id, hold.user_id, hold.key)
        sale = await self._directory.again(hold.sale_id)
        over = sale is None or sale.retired
        if answer is not None:
            await self._ledger.note_looked(hold.hold_id, now_ms)  # the journal takes it over
            return 0
        if not over and hold.looked_ms <= hold.created_ms:
            await self._ledger.note_looked(hold.hold_id, now_ms)
            return 0
        return int(await self._ledger.abandon(hold.hold_id, now_ms))


def kept_as(ask: BenefitAsk, lines: Sequence[tuple[str, int]]) -> str:
    """What a hold of benefits is for: a price quoted for some lines must not be had for others."""
    return f"{ask.text}|{fingerprint(lines)}"


def price_lines(sale: Sale, lines: Sequence[tuple[str, int]]) -> tuple[PricedLine, ...]:
    """The lines at the prices of the sale, one a SKU. Refused bad_request, not_found."""
    wanted = wanted_lines(lines)
    if wanted is None:
        raise Refused("bad_request", "The order lines are not acceptable.")
    priced = []
    for sku_id, qty in wanted:
        sku = sale.sku(sku_id)
        if sku is None:
            raise not_found("SKU in this sale")
        priced.append(PricedLine(sku_id, qty, sku.sale_cents))
    return merged(priced)


def _valid_at(scope: Scope, room_id: str, sale: Sale) -> bool:
    """A shop's coupon is for the room that dropped it; the platform's is for every room."""
    return scope is Scope.PLATFORM or room_id == sale.room_id
