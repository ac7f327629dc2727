"""Splitting an unpaid order and merging several: the same pieces, held by other orders.

Rules: one buyer, one sale; unpaid and within the pay window; without discounts (a coupon stands for
one order as it was); a payment that was begun is closed at its provider first, and an order whose
money turns out to be there stays as it is. The new orders have the old deadline (of several, the
earliest) and together exactly the old lines and sums; each line keeps the reservation that took it
from stock. The old orders are cancelled by the same script, and no stock moves.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import orjson

from flash_sale.directory import SaleDirectory
from flash_sale.errors import Refused, not_found, unknown_outcome
from flash_sale.orders import Reservation, ReservationState, ReservedLine, suffix_of
from flash_sale.ports import PaymentLedger, StockStore
from flash_sale.reserve import LINES_MAX, SUFFIX_RANDOM_BYTES
from flash_sale.sale import Sale
from flash_sale.settlement import Settler

PARTS_MAX = 20
Part = Sequence[tuple[str, int]]  # SKU and pieces
NewHold = tuple[Reservation, str, str]  # with fingerprint and stored answer


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
        stock: StockStore,
        directory: SaleDirectory,
        payments: PaymentLedger,
        settler: Settler,
        new_token: Callable[[int], str],
        now_ms: Callable[[], int] | None = None,
    ) -> None:
        self._store = store
        self._stock = stock
        self._directory = directory
        self._payments = payments
        self._settler = settler
        self._new_token = new_token
        self._now_ms = now_ms

    async def split(
        self, order_id: str, user_id: str, parts: Sequence[Part], key: str, now_ms: int
    ) -> dict[str, object]:
        """Make one order of each part; together they must be the whole order.

        The same `key` gives the same answer. Refused: not_found, bad_request, order_closed,
        conflict (discounted), key_reused, unknown_outcome.
        """
        if not 2 <= len(parts) <= PARTS_MAX:
            raise Refused("bad_request", f"An order is split into 2 to {PARTS_MAX} parts.")
        ask = repr(("split", order_id, [sorted(part) for part in parts]))
        sale, old = await self._held(order_id, user_id)
        known = await self._known(sale, old, key, ask)
        if known is not None:
            return known
        lines = split_lines(_own_lines(old), parts)
        return await self._regroup(sale, [old], lines, key, ask, now_ms)

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
        lines = [line for old in olds for line in _own_lines(old)]
        if len(lines) > LINES_MAX:
            raise Refused("conflict", f"An order has {LINES_MAX} lines at most.")
        return await self._regroup(sale, olds, [lines], key, ask, now_ms)

    async def _regroup(
        self,
        sale: Sale,
        olds: Sequence[Reservation],
        groups: Sequence[Sequence[ReservedLine]],
        key: str,
        ask: str,
        now_ms: int,
    ) -> dict[str, object]:
        for old in olds:
            if old.state is not ReservationState.HELD:
                raise _closed()
            if sum(line.qty * line.unit_cents for line in old.lines) != old.amount_cents:
                raise Refused("conflict", "An order with discounts stays as it is.")
        payments = await self._payments.payments_of([old.order_id for old in olds])
        if await self._settler.close(payments, now_ms):
            raise _closed()
        made = [
            self._hold(sale, olds, lines, key, nth) for nth, lines in enumerate(groups, start=1)
        ]
        text = orjson.dumps(_answer(made, sale.currency)).decode()
        mark = _mark(ask)
        outcome, stored = await self._store.regroup(
            sale.sale_id,
            _field(olds[0], key),
            mark,
            text,
            olds,
            [(hold, mark, text) for hold in made],
            self._now_ms() if self._now_ms is not None else 0,
        )
        if outcome in ("done", "known"):
            told: dict[str, object] = orjson.loads(stored)
            return told
        if outcome == "key_reused":
            raise Refused("key_reused", "This key was used for another request.")
        raise _closed() if outcome == "changed" else unknown_outcome()

    def _hold(
        self,
        sale: Sale,
        olds: Sequence[Reservation],
        lines: Sequence[ReservedLine],
        key: str,
        nth: int,
    ) -> Reservation:
        return replace(
            olds[0],
            suffix=f"{sale.number}-{self._new_token(SUFFIX_RANDOM_BYTES)}",
            # The first keeps the key itself: so its row tells the answer again after a loss.
            key=key if nth == 1 else f"{key}#{nth}",
            amount_cents=sum(line.qty * line.unit_cents for line in lines),
            pay_by_ms=min(old.pay_by_ms for old in olds),
            expires_ms=min(old.expires_ms for old in olds),
            lines=tuple(lines),
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


def split_lines(lines: Sequence[ReservedLine], parts: Sequence[Part]) -> list[list[ReservedLine]]:
    """The lines dealt out to the parts. Refused bad_request unless each piece goes somewhere."""
    have: Counter[str] = Counter()
    for line in lines:
        have[line.sku_id] += line.qty
    want: Counter[str] = Counter()
    for part in parts:
        if not part or any(type(qty) is not int or qty < 1 for _, qty in part):
            raise Refused("bad_request", "Each part has at least one piece.")
        for sku_id, qty in part:
            want[sku_id] += qty
    if want != have:
        raise Refused("bad_request", "The parts are not the whole order.")
    rest = list(lines)
    return [[piece for sku_id, qty in part for piece in _take(rest, sku_id, qty)] for part in parts]


def _take(rest: list[ReservedLine], sku_id: str, qty: int) -> list[ReservedLine]:
    """So many pieces of a SKU out of `rest`, which shrinks."""
    taken = []
    for at, line in enumerate(rest):
        if line.sku_id != sku_id or qty == 0 or line.qty == 0:
            continue
        pieces = min(qty, line.qty)
        taken.append(replace(line, qty=pieces))
        rest[at] = replace(line, qty=line.qty - pieces)
        qty -= pieces
    return taken


def _own_lines(old: Reservation) -> list[ReservedLine]:
    """The lines, each naming the reservation that took it from stock."""
    return [replace(line, origin=line.origin or old.suffix) for line in old.lines]


def _answer(made: Sequence[Reservation], currency: str) -> dict[str, object]:
    orders = [
        {
            "order_id": hold.order_id,
            "reservation_id": f"r{hold.suffix}",
            "amount_cents": hold.amount_cents,
            "pay_by_ms": hold.pay_by_ms,
            "expires_ms": hold.expires_ms,
        }
        for hold in made
    ]
    total = sum(hold.amount_cents for hold in made)
    return {"orders": orders, "amount_cents": total, "currency": currency}


def _field(old: Reservation, key: str) -> str:
    return f"{old.user_id}:{key}"


def _mark(ask: str) -> str:
    return hashlib.blake2b(ask.encode(), digest_size=12).hexdigest()


def _closed() -> Refused:
    return Refused("order_closed", "This order can no longer be split or merged.")
