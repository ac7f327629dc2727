"""The executable specification of the scripts: what each does to a sale, in plain Python.

Pure. The scripts decide in production; random tests run both side by side and compare every
answer and every counter. Change a rule here and in `storage/lua/` together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from flash_sale.orders import ReservationState

QTY_MAX = 999  # pieces of one line
LINES_MAX = 20
SKU_UNITS_MAX = 1_000_000  # initial and restocked together

ADJUST_FACTOR = {"restock": 1, "write_off": -1}
STAGE_MOVES = {
    ("draft", "preheat"): "preheat",
    ("draft", "start"): "scheduled",
    ("preheat", "start"): "scheduled",
    ("draft", "stop"): "stopped",
    ("preheat", "stop"): "stopped",
    ("scheduled", "stop"): "stopped",
}

Line = tuple[str, int]


@dataclass(slots=True)
class Shelf:
    """The counters of one SKU. `version` grows with every change of `available`."""

    price_cents: int
    per_user: int
    initial: int
    available: int
    version: int
    restocked: int = 0
    written_off: int = 0
    held: int = 0
    sold: int = 0

    @property
    def balanced(self) -> bool:
        total = self.initial + self.restocked - self.written_off
        return self.available >= 0 and total == self.available + self.held + self.sold

    def give(self, qty: int) -> None:
        self.available += qty
        self.version += 1


@dataclass(slots=True)
class Kept:
    """A reservation."""

    state: ReservationState
    user_id: str
    key: str
    amount_cents: int
    pay_by_ms: int
    expires_ms: int
    lines: tuple[Line, ...]
    payment_id: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """The answer of a won buy; replays give the equal one."""

    suffix: str
    amount_cents: int
    expires_ms: int
    pay_by_ms: int
    left: tuple[Line, ...]


@dataclass(slots=True)
class Book:
    """One sale's whole state."""

    shelves: dict[str, Shelf]
    hold_ms: int
    pay_ms: int
    stage: str = "draft"
    start_ms: int = 0
    end_ms: int = 0
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    reservations: dict[str, Kept] = field(default_factory=dict)
    answers: dict[tuple[str, str], tuple[str, Held]] = field(default_factory=dict)
    adjustments: dict[str, tuple[tuple[str, str, int], int, int]] = field(default_factory=dict)
    journal: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Buy:
    user_id: str
    key: str
    fingerprint: str
    suffix: str
    lines: tuple[Line, ...]


def reserve(book: Book, buy: Buy, now_ms: int) -> Held | str:
    """Hold every line or none; the answer, or the refusal's code.

    In order of precedence: known key, arguments, window, limit per person, stock.
    """
    known = book.answers.get((buy.user_id, buy.key))
    if known is not None:
        return known[1] if known[0] == buy.fingerprint else "key_reused"
    refusal = _bad_lines(book, buy.lines)
    if refusal is not None:
        return refusal
    need = _summed(buy.lines)
    refusal = _outside_window(book, now_ms) or _over_limit(book, buy.user_id, need)
    if refusal is not None:
        return refusal
    if any(qty > book.shelves[sku].available for sku, qty in need.items()):
        return "sold_out"
    return _hold(book, buy, need, now_ms)


def settle(book: Book, suffix: str, payment_id: str) -> str:
    """A captured payment takes its hold, once."""
    kept = book.reservations.get(suffix)
    if kept is None:
        return "absent"
    if kept.state is ReservationState.PAID:
        return "already" if kept.payment_id == payment_id else "other"
    if kept.state is not ReservationState.HELD:
        return "gone"
    kept.state, kept.payment_id = ReservationState.PAID, payment_id
    for sku, qty in kept.lines:
        book.shelves[sku].held -= qty
        book.shelves[sku].sold += qty
    book.journal.append("paid")
    return "paid"


def release(book: Book, suffix: str, target: ReservationState, now_ms: int) -> str:
    """An unpaid hold goes back to stock, once; `target` is EXPIRED or CANCELLED."""
    kept = book.reservations.get(suffix)
    if kept is None:
        return "absent"
    if kept.state is not ReservationState.HELD:
        return kept.state.value
    if target is ReservationState.EXPIRED and kept.expires_ms > now_ms:
        return "not_due"
    kept.state = target
    for sku, qty in kept.lines:
        book.shelves[sku].held -= qty
        book.shelves[sku].give(qty)
        _count(book, kept.user_id, sku, -qty)
    book.journal.append(target.value)
    return "released"


def reclaim(book: Book, suffix: str, payment_id: str) -> str:
    """Money came after the hold was gone: take the pieces again if all are there."""
    kept = book.reservations.get(suffix)
    if kept is None:
        return "absent"
    if kept.state is ReservationState.PAID:
        return "already" if kept.payment_id == payment_id else "other"
    if kept.state is ReservationState.HELD:
        return "held"
    refusal = _over_limit(book, kept.user_id, dict(kept.lines))
    if refusal is not None:
        return refusal
    if any(qty > book.shelves[sku].available for sku, qty in kept.lines):
        return "sold_out"
    kept.state, kept.payment_id = ReservationState.PAID, payment_id
    for sku, qty in kept.lines:
        book.shelves[sku].sold += qty
        book.shelves[sku].give(-qty)
        _count(book, kept.user_id, sku, qty)
    book.journal.append("reclaimed")
    return "paid"


def adjust(book: Book, kind: str, sku: str, qty: int, key: str) -> tuple[str, int, int]:
    """Restock or write off, once a key: outcome, left, version (0 when refused)."""
    known = book.adjustments.get(key)
    if known is not None:
        return ("done", *known[1:]) if known[0] == (kind, sku, qty) else ("key_reused", 0, 0)
    if not 1 <= qty <= SKU_UNITS_MAX:
        return "bad_request", 0, 0
    shelf = book.shelves.get(sku)
    if shelf is None:
        return "not_found", 0, 0
    if kind == "write_off":
        if qty > shelf.available:
            return "conflict", 0, 0
        shelf.written_off += qty
    else:
        if shelf.initial + shelf.restocked + qty > SKU_UNITS_MAX:
            return "conflict", 0, 0
        shelf.restocked += qty
    shelf.give(ADJUST_FACTOR[kind] * qty)
    book.adjustments[key] = ((kind, sku, qty), shelf.available, shelf.version)
    book.journal.append(kind)
    return "done", shelf.available, shelf.version


def change_stage(book: Book, act: str, *, countdown_ms: int, duration_ms: int, now_ms: int) -> str:
    """Preheat, start or stop."""
    stage = STAGE_MOVES.get((book.stage, act))
    if stage is None:
        return "conflict"
    book.stage = stage
    if act == "start":
        book.start_ms = now_ms + countdown_ms
        book.end_ms = book.start_ms + duration_ms
    elif act == "stop" and book.end_ms > now_ms:
        book.end_ms = now_ms
    book.journal.append("stage")
    return "done"


def _bad_lines(book: Book, lines: Sequence[Line]) -> str | None:
    if not 1 <= len(lines) <= LINES_MAX:
        return "bad_request"
    for sku, qty in lines:
        if type(qty) is not int or not 1 <= qty <= QTY_MAX:
            return "bad_request"
        if sku not in book.shelves:
            return "not_found"
    return None


def _summed(lines: Sequence[Line]) -> dict[str, int]:
    need: dict[str, int] = {}
    for sku, qty in lines:
        need[sku] = need.get(sku, 0) + qty
    return need


def _outside_window(book: Book, now_ms: int) -> str | None:
    if book.stage == "stopped":
        return "ended"
    if book.stage != "scheduled" or now_ms < book.start_ms:
        return "not_started"
    return "ended" if now_ms >= book.end_ms else None


def _over_limit(book: Book, user_id: str, need: dict[str, int]) -> str | None:
    for sku, qty in need.items():
        limit = book.shelves[sku].per_user
        if limit and book.counts.get((user_id, sku), 0) + qty > limit:
            return "limit_reached"
    return None


def _hold(book: Book, buy: Buy, need: dict[str, int], now_ms: int) -> Held:
    amount = 0
    for sku, qty in need.items():
        shelf = book.shelves[sku]
        shelf.held += qty
        shelf.give(-qty)
        amount += qty * shelf.price_cents
        _count(book, buy.user_id, sku, qty)
    answer = Held(
        suffix=buy.suffix,
        amount_cents=amount,
        expires_ms=now_ms + book.hold_ms,
        pay_by_ms=now_ms + book.pay_ms,
        left=tuple((sku, book.shelves[sku].available) for sku in need),
    )
    book.reservations[buy.suffix] = Kept(
        state=ReservationState.HELD,
        user_id=buy.user_id,
        key=buy.key,
        amount_cents=amount,
        pay_by_ms=answer.pay_by_ms,
        expires_ms=answer.expires_ms,
        lines=tuple(need.items()),
    )
    book.answers[buy.user_id, buy.key] = (buy.fingerprint, answer)
    book.journal.append("held")
    return answer


def _count(book: Book, user_id: str, sku: str, qty: int) -> None:
    count = book.counts.get((user_id, sku), 0) + qty
    if count:
        book.counts[user_id, sku] = count
    else:
        book.counts.pop((user_id, sku), None)
