"""Orders in SQL and the journal's way into them: `OrderLedger` and `JournalLedger`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgpack
from sqlalchemy import bindparam, case, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from flash_sale.errors import unknown_outcome
from flash_sale.orders import (
    Order,
    OrderMove,
    OrderStatus,
    Reservation,
    next_status,
    sources,
)
from flash_sale.ports import Entry, StageChange, StoredAnswer
from flash_sale.sale import Sale, Stage
from flash_sale.storage.followers import candidates, follow_moves
from flash_sale.storage.order_rows import orders_of_rows
from flash_sale.storage.placing import insert_orders
from flash_sale.storage.records import pack_record
from flash_sale.storage.sales import stage_update
from flash_sale.storage.sql import insert_new, journal_writing, sql_answering
from flash_sale.storage.tables import (
    order_keys,
    orders,
    parked_entries,
    sales,
    stock_changes,
)

# Journal kinds that move an order, in the order they can follow each other for one order.
MOVES = {
    "paid": OrderMove.PAY,
    "expired": OrderMove.EXPIRE,
    "cancelled": OrderMove.CANCEL,
    "reclaimed": OrderMove.RECLAIM,
}
STAFF_ACTS = {"restock", "write_off", "transfer", "stage"}
KINDS = {"held", "again", "frozen", *STAFF_ACTS, *MOVES}
ERROR_CHARS_MAX = 500


class SqlOrders:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def order(self, order_id: str) -> Order | None:
        found = await self._find(orders.c.order_id == order_id, 1)
        return found[0] if found else None

    async def orders_of_user(self, user_id: str, limit: int) -> list[Order]:
        return await self._find(orders.c.user_id == user_id, limit)

    async def orders_of_room(self, room_id: str, limit: int) -> list[Order]:
        return await self._find(orders.c.room_id == room_id, limit)

    async def place(
        self, sale: Sale, reservation: Reservation, answer: StoredAnswer | None
    ) -> None:
        """Make the order's row; the journal or another worker may have done so already.

        `sale` was read before the reservation. Refused unknown_outcome, nothing written, when
        Redis has begun anew since: it may not know the reservation any more.
        """
        async with sql_answering(), self._engine.begin() as connection:
            await _same_life(connection, sale)  # PostgreSQL keeps it so: the row is locked
            await insert_orders(connection, sale, [(reservation, answer)])
            await _same_life(connection, sale)  # SQLite keeps it so since the first write

    async def move(
        self,
        order_id: str,
        move: OrderMove,
        *,
        at_ms: int,
        journal_seq: int = 0,
        payment_id: str | None = None,
        taken_in: Sale | None = None,
    ) -> bool:
        """Whether this call moved the order; False when it is not where `move` starts.

        `taken_in` is the sale as read before Redis took stock for this move: refused
        unknown_outcome, nothing written, when Redis has begun anew since and may have lost that.
        """
        async with sql_answering(), self._engine.begin() as connection:
            if taken_in is not None:
                await _same_life(connection, taken_in)
            moved = await move_order(
                connection,
                order_id,
                move,
                at_ms=at_ms,
                journal_seq=journal_seq,
                payment_id=payment_id,
            )
            if moved and taken_in is not None:
                await _same_life(connection, taken_in)  # as in `place`: SQLite locks by writing
            return moved

    # -- journal --------------------------------------------------------------------------------

    async def apply(self, sale: Sale, expected: int, entries: Sequence[Entry]) -> bool:
        """Move entries into the tables and the cursor past them, in one transaction.

        The cursor is compared with `expected`: of two consumers one wins, the other gets False and
        changed nothing, as does one whose entries are of an earlier life of Redis. So every entry
        counts exactly once, whoever crashed where. Any error but `Refused` means that the data of
        an entry is bad; nothing changed.
        """
        strange = [entry.seq for entry in entries if entry.kind not in KINDS]
        if strange:
            raise ValueError(f"no such kind of journal entry: {strange}")
        async with journal_writing(), self._engine.begin() as connection:
            if not await _advance(connection, sale, expected, entries[-1].seq):
                return False
            held = [
                (entry.reservation, entry.answer)
                for entry in entries
                if entry.reservation is not None
            ]
            await insert_orders(connection, sale, held)
            if len(held) == len(entries):
                return True  # as in a stampede; none of what follows concerns it
            for kind, move in MOVES.items():
                rows = [_entry_move(entry) for entry in entries if entry.kind == kind]
                if rows:
                    await _move_orders(connection, move, rows)
            await _apply_again(connection, sale, entries)
            for entry in entries:
                if entry.kind in STAFF_ACTS:
                    await _apply_staff_act(connection, sale, entry)
        return True

    async def park(self, sale: Sale, expected: int, entry: Entry, error: str) -> bool:
        """Set an entry aside that the tables would not take, and move the cursor past it."""
        async with journal_writing(), self._engine.begin() as connection:
            if not await _advance(connection, sale, expected, entry.seq):
                return False
            await connection.execute(
                insert(parked_entries).values(
                    sale_id=sale.sale_id,
                    journal_seq=entry.seq,
                    kind=entry.kind[:16],
                    at_ms=entry.at_ms,
                    fields=msgpack.packb(_evidence(entry)),
                    error=error[:ERROR_CHARS_MAX],
                )
            )
        return True

    async def _find(self, condition: object, limit: int) -> list[Order]:
        """Newest first."""
        chosen = (
            select(orders)
            .where(condition)  # type: ignore[arg-type]
            .order_by(orders.c.created_ms.desc(), orders.c.order_id)
            .limit(limit)
        )
        async with sql_answering(), self._engine.connect() as connection:
            rows = (await connection.execute(chosen)).all()
            return await orders_of_rows(connection, rows)


async def move_order(
    connection: AsyncConnection,
    order_id: str,
    move: OrderMove,
    *,
    at_ms: int,
    journal_seq: int = 0,
    payment_id: str | None = None,
) -> bool:
    """Part of a transaction: whether this moved the order."""
    row = _move_row(order_id, at_ms, journal_seq, payment_id)
    done = await connection.execute(_move_update(move), row)
    if done.rowcount == 1:
        await follow_moves(connection, [order_id], at_ms, move)
    return done.rowcount == 1


async def _move_orders(
    connection: AsyncConnection, move: OrderMove, rows: Sequence[dict[str, Any]]
) -> None:
    """Many at once; only those that really move are followed up."""
    ids = [row["its_order"] for row in rows]
    moving = await candidates(connection, ids, sources(move))
    await connection.execute(_move_update(move), rows)
    if moving:
        await follow_moves(connection, moving, max(row["its_ms"] for row in rows), move)


async def _same_life(connection: AsyncConnection, sale: Sale) -> None:
    chosen = select(sales.c.life).where(sales.c.sale_id == sale.sale_id)
    life = (await connection.execute(chosen.with_for_update(read=True))).scalar_one()
    if life != sale.life:
        raise unknown_outcome()


async def _advance(connection: AsyncConnection, sale: Sale, expected: int, seq: int) -> bool:
    its = {"its_sale": sale.sale_id, "its_life": sale.life, "from_seq": expected, "to_seq": seq}
    done = await connection.execute(_ADVANCE, its)
    return done.rowcount == 1


_ADVANCE = (  # made once, as what each transaction of the journal asks
    update(sales)
    .where(sales.c.sale_id == bindparam("its_sale"), sales.c.life == bindparam("its_life"))
    .where(sales.c.journal_seq == bindparam("from_seq"))
    .values(journal_seq=bindparam("to_seq"))
)


def _move_update(move: OrderMove) -> Any:  # noqa: ANN401 - a statement
    origins = sources(move)
    target = next_status(origins[0], move)
    values: dict[str, Any] = {
        "status": target.value,
        "journal_seq": _latest_seq(),
    }
    if target is OrderStatus.PAID:
        values |= {"paid_ms": bindparam("its_ms"), "payment_id": bindparam("its_payment")}
    return (
        update(orders)
        .where(orders.c.order_id == bindparam("its_order"), orders.c.status.in_(origins))
        .values(values)
    )


def _latest_seq() -> Any:  # noqa: ANN401 - an expression
    return case(
        (orders.c.journal_seq < bindparam("its_seq"), bindparam("its_seq")),
        else_=orders.c.journal_seq,
    )


def _evidence(entry: Entry) -> dict[str, Any]:
    """All an entry says, for whoever has to look at it."""
    if entry.reservation is None or entry.fields:
        return dict(entry.fields)
    record = pack_record(entry.reservation)
    answer = entry.answer.json if entry.answer else ""
    return {"r": entry.reservation.suffix, "d": record, "a": answer}


def _move_row(
    order_id: str, at_ms: int, journal_seq: int, payment_id: str | None
) -> dict[str, Any]:
    return {
        "its_order": order_id,
        "its_ms": at_ms,
        "its_seq": journal_seq,
        "its_payment": payment_id,
    }


def _entry_move(entry: Entry) -> dict[str, Any]:
    payment_id = entry.text("p") if "p" in entry.fields else None
    return _move_row(f"o{entry.text('r')}", entry.at_ms, entry.seq, payment_id)


async def _apply_again(connection: AsyncConnection, sale: Sale, entries: Sequence[Entry]) -> None:
    """What happened to holds while they were held: another key, a later deadline."""
    more_keys = [
        {
            "sale_id": sale.sale_id,
            "user_id": entry.text("u"),
            "key": entry.text("key"),
            "order_id": f"o{entry.text('r')}",
        }
        for entry in entries
        if entry.kind == "again"
    ]
    if more_keys:
        primary = ["sale_id", "user_id", "key"]
        await connection.execute(insert_new(connection, order_keys, primary), more_keys)
    later = [
        {
            "its_order": f"o{entry.text('r')}",
            "its_deadline": int(entry.fields["x"]),
            "its_seq": entry.seq,
        }
        for entry in entries
        if entry.kind == "frozen"
    ]
    if later:
        await connection.execute(
            update(orders)
            .where(orders.c.order_id == bindparam("its_order"))
            .values(expires_ms=bindparam("its_deadline"), journal_seq=_latest_seq()),
            later,
        )


async def _apply_staff_act(connection: AsyncConnection, sale: Sale, entry: Entry) -> None:
    if entry.kind in ("restock", "write_off", "transfer"):
        moved = entry.kind == "transfer"
        await connection.execute(
            insert(stock_changes).values(
                sale_id=sale.sale_id,
                journal_seq=entry.seq,
                sku_id=entry.text("s"),
                kind=entry.kind,
                qty=int(entry.fields["q"]),
                actor=entry.text("by"),
                reason=entry.text("why"),
                key=entry.text("key"),
                at_ms=entry.at_ms,
                channel=entry.text("from") if moved else entry.text("c"),
                to_channel=entry.text("to") if moved else None,
                order_id=f"o{entry.text('r')}" if entry.fields.get("r") else None,
            )
        )
    elif entry.kind == "stage":
        change = StageChange(
            stage=Stage(entry.text("stage")),
            start_ms=int(entry.fields["start"]) or None,
            end_ms=int(entry.fields["end"]) or None,
            journal_seq=entry.seq,
            paused=entry.text("paused") == "1",
        )
        await connection.execute(stage_update(sale.sale_id, change))
