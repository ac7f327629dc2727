"""Splitting an unpaid order and merging several: the same pieces, held by other orders.

Rules: one buyer, one sale, one channel; unpaid and within the pay window; a payment that was begun
is closed at its provider first, and an order whose money turns out to be there stays as it is. The
new orders have the old deadline (of several, the earliest) and together exactly the old lines and
sums, discounts, points and commissions (`regroup_prices.py`); each line keeps the reservation that
took it from stock. The old orders are cancelled by the same script, and no stock moves.

What hangs on an order in SQL goes with its pieces: a plan is written first, the rows of the new
orders carry it out, and a plan whose orders never came to be is dropped (`step`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import orjson
from msgspec.structs import replace

from flash_sale.benefits import BATCH_HOLDS_MAX, DOUBT_MS
from flash_sale.directory import SaleDirectory
from flash_sale.errors import Refused, not_found, unknown_outcome
from flash_sale.orders import Order, Reservation, ReservationState, ReservedLine, suffix_of
from flash_sale.ports import OrderLedger, PaymentLedger, StockStore
from flash_sale.regroup_prices import Part, PartPrice, Piece, dealt, shared, together
from flash_sale.reserve import LINES_MAX, SUFFIX_RANDOM_BYTES
from flash_sale.sale import Sale
from flash_sale.settlement import Settler

PARTS_MAX = 20
NewHold = tuple[Reservation, str, str]  # with fingerprint and stored answer


class Origin(NamedTuple):
    """Where a line of a new order comes from, and what it costs there."""

    order_id: str
    position: int
    cents: int


@dataclass(frozen=True, slots=True)
class PlannedOrder:
    """`points` and `shares` (cents that discounts take off) are by the old order's id."""

    order_id: str
    lines: tuple[Origin, ...]
    points: dict[str, int]
    shares: dict[str, int]


@dataclass(frozen=True, slots=True)
class RegroupPlan:
    plan_id: str
    sale_id: str
    olds: tuple[str, ...]
    news: tuple[PlannedOrder, ...]


@dataclass(frozen=True, slots=True)
class DoubtfulOrder:
    """A planned order that no journal entry brought yet."""

    order_id: str
    sale_id: str
    created_ms: int
    looked_ms: int


class RegroupLedger(Protocol):
    """What goes with the pieces, in SQL; each method is one transaction."""

    async def write(self, plan: RegroupPlan, now_ms: int) -> None: ...
    async def drop(self, order_ids: Sequence[str], now_ms: int) -> int: ...
    async def doubtful(self, looked_before_ms: int, limit: int) -> list[DoubtfulOrder]: ...
    async def note_looked(self, order_id: str, now_ms: int) -> None: ...


class RegroupStore(Protocol):
    async def regroup(
        self,
        sale_id: str,
        field: str,
        fingerprint: str,
        answer: str,
        olds: Sequence[Reservation],
        news: Sequence[NewHold],
        now_ms: int,
    ) -> tuple[str, str]: ...


class Regrouping:
    def __init__(
        self,
        store: RegroupStore,
        ledger: RegroupLedger,
        stock: StockStore,
        directory: SaleDirectory,
        orders: OrderLedger,
        payments: PaymentLedger,
        settler: Settler,
        new_token: Callable[[int], str],
        now_ms: Callable[[], int] | None = None,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._stock = stock
        self._directory = directory
        self._orders = orders
        self._payments = payments
        self._settler = settler
        self._new_token = new_token
        self._now_ms = now_ms

    async def split(
        self, order_id: str, user_id: str, parts: Sequence[Part], key: str, now_ms: int
    ) -> dict[str, object]:
        """Make one order of each part; together they must be the whole order.

        The same `key` gives the same answer. Refused: not_found, bad_request, order_closed,
        conflict (a part would cost nothing), key_reused, unknown_outcome.
        """
        if not 2 <= len(parts) <= PARTS_MAX:
            raise Refused("bad_request", f"An order is split into 2 to {PARTS_MAX} parts.")
        ask = repr(("split", order_id, [sorted(part) for part in parts]))
        sale, old = await self._held(order_id, user_id)
        known = await self._known(sale, old, key, ask)
        if known is not None:
            return known
        groups = dealt([(line.sku_id, line.qty) for line in old.lines], parts)
        return await self._regroup(sale, [old], groups, key, ask, now_ms)

    async def merge(
        self, order_ids: Sequence[str], user_id: str, key: str, now_ms: int
    ) -> dict[str, object]:
        """Make one order of several of one sale. Refused: as `split`."""
        if not 2 <= len(set(order_ids)) == len(order_ids) <= PARTS_MAX:
            raise Refused("bad_request", f"2 to {PARTS_MAX} different orders are merged.")
        ask = repr(("merge", sorted(order_ids)))
        found = [await self._held(order_id, user_id) for order_id in order_ids]
        sale = found[0][0]
        if any(other.sale_id != sale.sale_id for other, _ in found):
            raise Refused("conflict", "Only orders of one sale can be merged.")
        if len({old.channel for _, old in found}) > 1:
            raise Refused("conflict", "Only orders of one channel can be merged.")
        known = await self._known(sale, found[0][1], key, ask)
        if known is not None:
            return known
        olds = [old for _, old in found]
        pieces = together([old.lines for old in olds])
        if len(pieces) > LINES_MAX:
            raise Refused("conflict", f"An order has {LINES_MAX} lines at most.")
        return await self._regroup(sale, olds, [pieces], key, ask, now_ms)

    async def step(self, now_ms: int) -> int:
        """Drop planned orders that never came to be, looked at twice; how many.

        Refused unknown_outcome or unavailable: a store is away, come back later.
        """
        done = 0
        for planned in await self._ledger.doubtful(now_ms - DOUBT_MS, BATCH_HOLDS_MAX):
            sale = await self._directory.again(planned.sale_id)
            over = sale is None or sale.retired
            held = await self._stock.reservation(planned.sale_id, planned.order_id[1:])
            if held is None and (over or planned.looked_ms > planned.created_ms):
                done += await self._ledger.drop([planned.order_id], now_ms)
            else:  # the journal brings it
                await self._ledger.note_looked(planned.order_id, now_ms)
        return done

    async def _regroup(
        self,
        sale: Sale,
        olds: Sequence[Reservation],
        groups: Sequence[Sequence[Piece]],
        key: str,
        ask: str,
        now_ms: int,
    ) -> dict[str, object]:
        if any(old.state is not ReservationState.HELD for old in olds):
            raise _closed()
        payments = await self._payments.payments_of([old.order_id for old in olds])
        if await self._settler.close(payments, now_ms):
            raise _closed()
        sale = await self._directory.again(sale.sale_id) or sale
        orders = [await self._placed(sale, old) for old in olds]
        prices = shared(orders, groups)
        made = [
            self._hold(sale, olds, group, price.amount_cents, None if nth else key)
            for nth, (group, price) in enumerate(zip(groups, prices, strict=True))
        ]
        planned = [
            _planned(hold, orders, group, price)
            for hold, group, price in zip(made, groups, prices, strict=True)
        ]
        names = tuple(order.order_id for order in orders)
        plan = RegroupPlan(made[0].suffix, sale.sale_id, names, tuple(planned))
        await self._ledger.write(plan, now_ms)
        told = orjson.dumps(_answer(made, prices, sale.currency)).decode()
        outcome, stored = await self._carry_out(sale, olds, made, key, _mark(ask), told)
        if outcome != "done":
            await self._ledger.drop([hold.order_id for hold in made], now_ms)
        if outcome in ("done", "known"):
            answer: dict[str, object] = orjson.loads(stored)
            return answer
        if outcome == "key_reused":
            raise Refused("key_reused", "This key was used for another request.")
        raise _closed() if outcome == "changed" else unknown_outcome()

    async def _carry_out(
        self,
        sale: Sale,
        olds: Sequence[Reservation],
        made: Sequence[Reservation],
        key: str,
        mark: str,
        told: str,
    ) -> tuple[str, str]:
        return await self._store.regroup(
            sale.sale_id,
            _field(olds[0], key),
            mark,
            told,
            olds,
            [(hold, mark, told) for hold in made],
            self._now_ms() if self._now_ms is not None else 0,
        )

    async def _placed(self, sale: Sale, old: Reservation) -> Order:
        """The order's row, so that what hangs on it is there to be handed on."""
        answer = await self._stock.stored_answer(sale.sale_id, old.user_id, old.key)
        await self._orders.place(sale, old, answer)
        order = await self._orders.order(old.order_id)
        if order is None:
            raise unknown_outcome()
        return order

    def _hold(
        self,
        sale: Sale,
        olds: Sequence[Reservation],
        group: Sequence[Piece],
        amount_cents: int,
        key: str | None,
    ) -> Reservation:
        """The first has the regrouping's own key, so that its row tells the answer after a loss;
        the others have keys that no buyer can have used: those hold no space."""
        suffix = f"{sale.number}-{self._new_token(SUFFIX_RANDOM_BYTES)}"
        return replace(
            olds[0],
            suffix=suffix,
            key=f"part {suffix}" if key is None else key,
            amount_cents=amount_cents,
            pay_by_ms=min(old.pay_by_ms for old in olds),
            expires_ms=min(old.expires_ms for old in olds),
            lines=tuple(_own_line(olds[piece.old], piece) for piece in group),
        )

    async def _known(
        self, sale: Sale, old: Reservation, key: str, ask: str
    ) -> dict[str, object] | None:
        stored = await self._stock.stored_answer(sale.sale_id, old.user_id, key)
        if stored is None:
            return None
        if stored.fingerprint != _mark(ask):
            raise Refused("key_reused", "This key was used for another request.")
        told: dict[str, object] = orjson.loads(stored.json)
        return told

    async def _held(self, order_id: str, user_id: str) -> tuple[Sale, Reservation]:
        found = suffix_of(order_id)
        sale = await self._directory.find_number(found[1]) if found else None
        if found is None or sale is None:
            raise not_found("order")
        reservation = await self._stock.reservation(sale.sale_id, found[0])
        if reservation is None or reservation.user_id != user_id:
            raise not_found("order")
        return sale, reservation


def _own_line(old: Reservation, piece: Piece) -> ReservedLine:
    """The pieces as a line that names the reservation that took them from stock."""
    line = old.lines[piece.position]
    return replace(line, qty=piece.qty, origin=line.origin or old.suffix)


def _planned(
    hold: Reservation, orders: Sequence[Order], group: Sequence[Piece], price: PartPrice
) -> PlannedOrder:
    return PlannedOrder(
        hold.order_id,
        tuple(
            Origin(orders[piece.old].order_id, piece.position, cents)
            for piece, cents in zip(group, price.line_cents, strict=True)
        ),
        {orders[old].order_id: points for old, points in price.points.items()},
        {orders[old].order_id: cents for old, cents in price.shares.items()},
    )


def _answer(
    made: Sequence[Reservation], prices: Sequence[PartPrice], currency: str
) -> dict[str, object]:
    orders = [
        {
            "order_id": hold.order_id,
            "reservation_id": f"r{hold.suffix}",
            "amount_cents": hold.amount_cents,
            "discounts": [dict(discount) for discount in price.discounts],
            "pay_by_ms": hold.pay_by_ms,
            "expires_ms": hold.expires_ms,
        }
        for hold, price in zip(made, prices, strict=True)
    ]
    total = sum(hold.amount_cents for hold in made)
    return {"orders": orders, "amount_cents": total, "currency": currency}


def _field(old: Reservation, key: str) -> str:
    return f"{old.user_id}:{key}"


def _mark(ask: str) -> str:
    return hashlib.blake2b(ask.encode(), digest_size=12).hexdigest()


def _closed() -> Refused:
    return Refused("order_closed", "This order can no longer be split or merged.")
