"""What must be equal, and must hold, after every step of scripts and `stock.py` side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import orjson

from flash_sale.channels import Cell
from flash_sale.orders import Reservation, ReservationState
from flash_sale.ports import Entry, Snapshot
from flash_sale.sale import Phase, Sale, SkuSpec, Stage
from flash_sale.stock import Book, Held
from tests.contracts.flash_sale.shop import START_MS


def compare_counters(book: Book, snapshot: Snapshot) -> None:
    """Every counter of every cell; conservation in each and in total."""
    cells = {
        Cell(sku_id, channel): cell
        for sku_id, shelf in book.shelves.items()
        for channel, cell in shelf.cells.items()
    }
    assert snapshot.counters.keys() == cells.keys()
    for at, cell in cells.items():
        row = snapshot.counters[at]
        assert row == {
            "i": cell.initial,
            "r": cell.restocked,
            "w": cell.written_off,
            "t": cell.transferred,
            "a": cell.available,
            "h": cell.held,
            "s": cell.sold,
            "v": cell.version,
        }
        # I1, I2 in every channel: never below zero, and every piece is somewhere.
        assert row["a"] >= 0
        assert row["i"] + row["r"] - row["w"] + row["t"] == row["a"] + row["h"] + row["s"]
    # And in total: what left one channel came into another.
    assert all(shelf.balanced for shelf in book.shelves.values())


def compare_records(
    book: Book, snapshot: Snapshot, limits: Mapping[str, int]
) -> dict[str, Reservation]:
    """States, deadlines, counts per person within `limits` by SKU, number of holds; the records."""
    assert snapshot.reservations is not None
    records = {record.suffix: record for record in snapshot.reservations}
    assert {s: r.state for s, r in records.items()} == {
        s: k.state for s, k in book.reservations.items()
    }
    assert {s: r.expires_ms for s, r in records.items()} == {
        s: k.expires_ms for s, k in book.reservations.items()
    }
    # I5: the count per person is what the person holds and has paid.
    owned: Counter[str] = Counter()
    for record in records.values():
        if record.state in (ReservationState.HELD, ReservationState.PAID):
            for line in record.lines:
                owned[f"{record.user_id}:{line.sku_id}"] += line.qty
        assert dict(record.returned) == book.reservations[record.suffix].returned
        for sku_id, qty in record.returned:
            owned[f"{record.user_id}:{sku_id}"] -= qty
    assert snapshot.counts == {field: n for field, n in owned.items() if n}
    for sku_id, per_user in limits.items():
        mine = [n for field, n in owned.items() if field.endswith(f":{sku_id}")]
        assert all(n <= per_user for n in mine if per_user)
    held = sum(r.state is ReservationState.HELD for r in records.values())
    assert snapshot.holds == held
    return records


def compare_journalled(book: Book, entry: Entry, told: Mapping[str, bytes]) -> None:
    """A hold's fact in the journal: what was promised, and to whom, byte for byte."""
    assert entry.reservation is not None
    made, kept = entry.reservation, book.reservations[entry.reservation.suffix]
    assert (made.state, made.user_id, made.key) == (ReservationState.HELD, kept.user_id, kept.key)
    assert (made.amount_cents, made.channel) == (kept.amount_cents, kept.channel)
    assert (made.created_ms, made.pay_by_ms) == (kept.created_ms, kept.pay_by_ms)
    assert tuple((line.sku_id, line.qty) for line in made.lines) == kept.lines
    assert made.journal_seq == entry.seq
    assert entry.answer is not None
    if made.suffix.partition("-")[2].startswith("w"):  # offered to who waited: nobody had asked
        assert made.suffix not in told
    else:
        assert entry.answer.json.encode() == told[made.suffix]


def as_sent(answer: Held | str) -> bytes:
    """The specification's answer as the script sends it: a hold as JSON, a refusal as its code."""
    if isinstance(answer, str):
        return answer.encode()
    return orjson.dumps(
        {
            "status": "held",
            "reservation_id": f"r{answer.suffix}",
            "order_id": f"o{answer.suffix}",
            "amount_cents": answer.amount_cents,
            "currency": "CNY",
            "expires_ms": answer.expires_ms,
            "pay_by_ms": answer.pay_by_ms,
            "left": dict(answer.left),
        }
    )


def a_draft(sale_id: str, wares: tuple[SkuSpec, ...], hold_ms: int, pay_ms: int) -> Sale:
    return Sale(
        sale_id=sale_id,
        number=1,
        room_id="room1",
        stage=Stage.DRAFT,
        start_ms=None,
        end_ms=None,
        duration_s=10_000,
        hold_s=hold_ms // 1000,
        pay_s=pay_ms // 1000,
        currency="CNY",
        generation=1,
        created_ms=START_MS,
        announced=Phase.DRAFT,
        skus=wares,
    )
