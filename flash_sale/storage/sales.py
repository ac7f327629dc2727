"""Sales in SQL: `flash_sale.ports.SaleLedger`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import orjson
from msgspec.structs import replace
from sqlalchemy import ColumnElement, Row, Select, Update, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from flash_sale.channels import Cell
from flash_sale.eligibility import Eligibility
from flash_sale.errors import Refused
from flash_sale.orders import (
    RESERVATION_STATE,
    OrderStatus,
    Reservation,
    ReservationState,
    ReservedLine,
)
from flash_sale.ports import Progress, StageChange, StockSums, StoredAnswer
from flash_sale.sale import Phase, Sale, SaleSpec, SkuSpec, Stage
from flash_sale.storage.returns import reopen_lost_returns, returned_pieces
from flash_sale.storage.sql import sql_answering
from flash_sale.storage.sums import stock_sums
from flash_sale.storage.tables import order_keys, order_lines, orders, sale_skus, sales

SALES_PER_ROOM_MAX = 200  # the newest; older ones are history, not part of a room's state
OPEN_SALES_MAX = 2000  # duties visit each of them several times a second; no more can be created
LATELY_S = 0.25  # so much later a sale that another worker made is seen by those who look often
NEVER_READ: tuple[float, list[Progress]] = (float("-inf"), [])


class SqlSales:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._lately: tuple[float, list[Progress]] = NEVER_READ
        self._writes = 0

    async def add_sale(self, spec: SaleSpec, room_id: str, now_ms: int) -> Sale:
        """Store a draft (or, with a start time given, a scheduled sale).

        Refused: conflict when the id is taken or OPEN_SALES_MAX are open.
        """
        planned = spec.start if isinstance(spec.start, int) else None
        row = {
            "sale_id": spec.sale_id,
            "room_id": room_id,
            "stage": Stage.DRAFT if planned is None else Stage.SCHEDULED,
            "start_ms": planned,
            "end_ms": None if planned is None else planned + spec.duration_s * 1000,
            "duration_s": spec.duration_s,
            "hold_s": spec.hold_s,
            "pay_s": spec.pay_s,
            "currency": spec.currency,
            "generation": 1,
            "journal_seq": 0,
            "announced": Phase.DRAFT,
            "created_ms": now_ms,
            "eligibility": orjson.dumps(spec.eligibility.to_wire()).decode(),
        }
        try:
            async with self._writing() as connection:
                await connection.execute(insert(sales).values(row))
                await connection.execute(insert(sale_skus), _sku_rows(spec))
                open_count = select(func.count()).select_from(sales).where(sales.c.retired == 0)
                if (await connection.execute(open_count)).scalar_one() > OPEN_SALES_MAX:
                    raise Refused("conflict", "Too many sales are open.")
        except IntegrityError as taken:
            raise Refused("conflict", "A sale of this id exists.") from taken
        stored = await self.sale(spec.sale_id)
        assert stored is not None
        return stored

    async def sale(self, sale_id: str) -> Sale | None:
        found = await self._find(sales.c.sale_id == sale_id, 1)
        return found[0].sale if found else None

    async def sale_by_number(self, number: int) -> Sale | None:
        found = await self._find(sales.c.number == number, 1)
        return found[0].sale if found else None

    async def sales_of_room(self, room_id: str) -> list[Sale]:
        """The newest sales of the room, oldest first."""
        found = await self._find(sales.c.room_id == room_id, SALES_PER_ROOM_MAX)
        return [progress.sale for progress in reversed(found)]

    async def open_sales(self) -> list[Progress]:
        read_s, writes = monotonic(), self._writes
        found = await self._progress_of(_OPEN)
        if writes == self._writes:
            self._lately = (read_s, found)
        return found

    async def open_sales_lately(self) -> list[Progress]:
        read_s, found = self._lately
        if monotonic() - read_s > LATELY_S:
            return await self.open_sales()
        return found

    async def progress(self, sale_id: str) -> Progress | None:
        found = await self._find(sales.c.sale_id == sale_id, 1)
        return found[0] if found else None

    async def set_stage(self, sale_id: str, change: StageChange) -> None:
        """Follow the script; an older change arriving late changes nothing."""
        async with self._writing() as connection:
            await connection.execute(stage_update(sale_id, change))

    async def set_announced(self, sale_id: str, phase: Phase, rev: int) -> None:
        told = {"announced": phase, "announced_rev": rev}
        async with self._writing() as connection:
            await connection.execute(
                update(sales)
                .where(sales.c.sale_id == sale_id, sales.c.announced_rev <= rev)
                .values(told)
            )

    async def next_generation(self, sale_id: str, expected: int, journal_seq: int) -> bool:
        """Claim the next generation, its journal going on after `journal_seq`; pieces whose return
        was lost with the old one are to be returned again.

        False when somebody else claimed it.
        """
        async with self._writing() as connection:
            done = await connection.execute(
                update(sales)
                .where(sales.c.sale_id == sale_id, sales.c.generation == expected)
                .values(generation=expected + 1, journal_seq=journal_seq)
            )
            if done.rowcount == 1:
                await reopen_lost_returns(connection, sale_id)
        return done.rowcount == 1

    async def next_life(self) -> None:
        """Redis began anew: what was read from it before may not be written down any more."""
        async with self._writing() as connection:
            await connection.execute(
                update(sales).where(sales.c.retired == 0).values(life=sales.c.life + 1)
            )

    async def retire(self, sale_id: str) -> None:
        async with self._writing() as connection:
            await connection.execute(
                update(sales).where(sales.c.sale_id == sale_id).values(retired=1)
            )

    async def stock_sums(self, sale_id: str) -> dict[Cell, StockSums]:
        async with sql_answering(), self._engine.connect() as connection:
            return await stock_sums(connection, sale_id)

    async def reservations_after(
        self, sale_id: str, suffix: str, limit: int
    ) -> list[tuple[Reservation, StoredAnswer | None]]:
        """Reservations by order id, those after `suffix` ("" = from the first)."""
        page = (
            select(orders)
            .where(orders.c.sale_id == sale_id, orders.c.order_id > f"o{suffix}")
            .order_by(orders.c.order_id)
            .limit(limit)
        )
        async with sql_answering(), self._engine.connect() as connection:
            rows = (await connection.execute(page)).all()
            ids = [row.order_id for row in rows]
            lines = await connection.execute(
                select(order_lines)
                .where(order_lines.c.order_id.in_(ids))
                .order_by(order_lines.c.order_id, order_lines.c.position)
            )
            by_order: dict[str, list[ReservedLine]] = {order_id: [] for order_id in ids}
            for line in lines:
                by_order[line.order_id].append(
                    ReservedLine(line.sku_id, line.qty, line.unit_cents, line.origin or "")
                )
            more: dict[str, list[str]] = {order_id: [] for order_id in ids}
            again = select(order_keys).where(order_keys.c.order_id.in_(ids))
            for other in await connection.execute(again.order_by(order_keys.c.key)):
                more[other.order_id].append(other.key)
            back = await returned_pieces(connection, sale_id, ids)
        return [
            (
                replace(_reservation(row, by_order[row.order_id]), returned=back[row.order_id]),
                _stored_answer(row, more[row.order_id]),
            )
            for row in rows
        ]

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that makes what was read before it old."""
        try:
            async with sql_answering(), self._engine.begin() as connection:
                yield connection
        finally:
            self._writes += 1
            self._lately = NEVER_READ

    async def _find(self, condition: ColumnElement[bool], limit: int) -> list[Progress]:
        return await self._progress_of(_chosen(condition, limit))

    async def _progress_of(self, chosen: Select[Any]) -> list[Progress]:
        async with sql_answering(), self._engine.connect() as connection:
            rows = (await connection.execute(chosen)).all()
            if not rows:
                return []
            skus = await connection.execute(
                select(sale_skus)
                .where(sale_skus.c.sale_id.in_([row.sale_id for row in rows]))
                .order_by(sale_skus.c.sale_id, sale_skus.c.position)
            )
            by_sale: dict[str, list[SkuSpec]] = {row.sale_id: [] for row in rows}
            for sku in skus:
                by_sale[sku.sale_id].append(_sku(sku))
        return [
            Progress(
                sale=_sale(row, by_sale[row.sale_id]),
                consumed=row.journal_seq,
                seen=max(row.journal_seq, row.seen, row.stage_seq),
            )
            for row in rows
        ]


def _chosen(condition: ColumnElement[bool], limit: int) -> Select[Any]:
    """The newest sales of which `condition` holds, each with how far SQL has heard of it."""
    heard = (
        select(func.max(orders.c.journal_seq))
        .where(orders.c.sale_id == sales.c.sale_id)
        .scalar_subquery()
    )
    return (
        select(sales, func.coalesce(heard, 0).label("seen"))
        .where(condition)
        .order_by(sales.c.number.desc())
        .limit(limit)
    )


# Made once: duties ask for it several times a second, and making it costs more than the answer.
_OPEN = _chosen(sales.c.retired == 0, OPEN_SALES_MAX)


def stage_update(sale_id: str, change: StageChange) -> Update:
    return (
        update(sales)
        .where(sales.c.sale_id == sale_id, sales.c.stage_seq < change.journal_seq)
        .values(
            stage=change.stage,
            start_ms=change.start_ms,
            end_ms=change.end_ms,
            paused=int(change.paused),
            stage_seq=change.journal_seq,
        )
    )


def _sku_rows(spec: SaleSpec) -> list[dict[str, object]]:
    return [
        {
            "sale_id": spec.sale_id,
            "sku_id": sku.sku_id,
            "position": position,
            "product_id": sku.product_id,
            "title": sku.title,
            "image": sku.image,
            "list_cents": sku.list_cents,
            "sale_cents": sku.sale_cents,
            "per_user": sku.per_user,
            "stock": sku.stock,
            "channels": orjson.dumps(dict(sku.channels)).decode(),
        }
        for position, sku in enumerate(spec.skus)
    ]


def _sku(row: Row[tuple[object, ...]]) -> SkuSpec:
    return SkuSpec(
        sku_id=row.sku_id,
        product_id=row.product_id,
        title=row.title,
        stock=row.stock,
        sale_cents=row.sale_cents,
        list_cents=row.list_cents,
        image=row.image,
        per_user=row.per_user,
        channels=orjson.loads(row.channels),
    )


def _sale(row: Row[tuple[object, ...]], skus: Sequence[SkuSpec]) -> Sale:
    return Sale(
        sale_id=row.sale_id,
        number=row.number,
        room_id=row.room_id,
        stage=Stage(row.stage),
        start_ms=row.start_ms,
        end_ms=row.end_ms,
        duration_s=row.duration_s,
        hold_s=row.hold_s,
        pay_s=row.pay_s,
        currency=row.currency,
        generation=row.generation,
        created_ms=row.created_ms,
        announced=Phase(row.announced),
        retired=row.retired != 0,
        paused=row.paused != 0,
        rev=row.stage_seq,
        announced_rev=row.announced_rev,
        eligibility=Eligibility.from_wire(orjson.loads(row.eligibility)),
        life=row.life,
        skus=tuple(skus),
    )


def _reservation(row: Row[tuple[object, ...]], lines: Sequence[ReservedLine]) -> Reservation:
    paid = row.paid_ms is not None  # and stays so: a refund leaves the pieces sold
    return Reservation(
        suffix=row.order_id[1:],
        state=ReservationState.PAID if paid else RESERVATION_STATE[OrderStatus(row.status)],
        user_id=row.user_id,
        key=row.key,
        amount_cents=row.amount_cents,
        created_ms=row.created_ms,
        pay_by_ms=row.pay_by_ms,
        expires_ms=row.expires_ms,
        lines=tuple(lines),
        payment_id=row.payment_id,
        journal_seq=row.journal_seq,
        channel=row.channel,
    )


def _stored_answer(row: Row[tuple[object, ...]], more_keys: Sequence[str]) -> StoredAnswer | None:
    return StoredAnswer(row.fingerprint, row.answer, tuple(more_keys)) if row.answer else None
