"""The executable specification of the scripts: what each does to a sale, in plain Python.

Pure. The scripts decide in production; random tests run both side by side and compare every
answer and every counter. Change a rule here and in `storage/lua/` together.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from flash_sale.channels import LIVE
from flash_sale.orders import ReservationState
from flash_sale.shelves import Shelf

QTY_MAX = 999  # pieces of one line
LINES_MAX = 20
SKU_UNITS_MAX = 1_000_000  # initial and restocked together

ADJUST_FACTOR = {"restock": 1, "write_off": -1}
SWITCH = {"pause": True, "resume": False}
STAGE_MOVES = {
    ("draft", "preheat"): "preheat",
    ("draft", "start"): "scheduled",
    ("preheat", "start"): "scheduled",
    ("draft", "stop"): "stopped",
    ("preheat", "stop"): "stopped",
    ("scheduled", "stop"): "stopped",
    **{(stage, act): stage for stage in ("draft", "preheat", "scheduled") for act in SWITCH},
}

Line = tuple[str, int]


@dataclass(slots=True)
class Kept:
    """A reservation."""

    state: ReservationState
    user_id: str
    key: str
    amount_cents: int
    created_ms: int
    pay_by_ms: int
    expires_ms: int
    lines: tuple[Line, ...]
    channel: str = LIVE
    payment_id: str = ""
    returned: dict[str, int] = field(default_factory=dict)

    def kept(self, sku: str) -> int:
        """Pieces of a SKU that count against the buyer's limit, if it is held or paid."""
        return sum(qty for its, qty in self.lines if its == sku) - self.returned.get(sku, 0)


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
    paused: bool = False
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    reservations: dict[str, Kept] = field(default_factory=dict)
    answers: dict[tuple[str, str], tuple[str, Held]] = field(default_factory=dict)
    standing: dict[tuple[str, str], str] = field(default_factory=dict)
    acts: dict[str, tuple[object, tuple[int, ...]]] = field(default_factory=dict)
    journal: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Buy:
    user_id: str
    key: str
    fingerprint: str
    suffix: str
    lines: tuple[Line, ...]
    channel: str = LIVE
    eligible: bool = True
    again: bool = True  # at the limit, the hold of the same lines may be given again


def reserve(book: Book, buy: Buy, now_ms: int) -> Held | str:
    """Hold every line or none; the answer, or the refusal's code.

    In order of precedence: known key, arguments, window, eligible, limit per person, stock. At the
    limit, who still holds just these lines is given that hold again.
    """
    known = book.answers.get((buy.user_id, buy.key))
    if known is not None:
        return known[1] if known[0] == buy.fingerprint else "key_reused"
    refusal = _bad_lines(book, buy) or _outside_window(book, now_ms)
    if refusal is not None:
        return refusal
    if not buy.eligible:
        return "not_eligible"
    need = _summed(buy.lines)
    if _over_limit(book, buy.user_id, need):
        return (buy.again and _hold_again(book, buy)) or "limit_reached"
    if any(qty > book.shelves[sku].cells[buy.channel].available for sku, qty in need.items()):
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
        book.shelves[sku].cells[kept.channel].held -= qty
        book.shelves[sku].cells[kept.channel].sold += qty
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
        cell = book.shelves[sku].cells[kept.channel]
        cell.held -= qty
        cell.give(qty)
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
    if _over_limit(book, kept.user_id, dict(kept.lines)):
        return "limit_reached"
    if any(qty > book.shelves[sku].cells[kept.channel].available for sku, qty in kept.lines):
        return "sold_out"
    kept.state, kept.payment_id = ReservationState.PAID, payment_id
    for sku, qty in kept.lines:
        cell = book.shelves[sku].cells[kept.channel]
        cell.sold += qty
        cell.give(-qty)
        _count(book, kept.user_id, sku, qty)
    book.journal.append("reclaimed")
    return "paid"


def freeze(book: Book, suffix: str, freeze_ms: int, now_ms: int) -> str:
    """A payment has begun: its hold lasts until `freeze_ms` from now, moved once."""
    kept = book.reservations.get(suffix)
    if kept is None:
        return "absent"
    if kept.state is not ReservationState.HELD:
        return "gone"
    if now_ms >= kept.pay_by_ms:
        return "late"
    if kept.expires_ms > kept.created_ms + book.hold_ms or now_ms + freeze_ms <= kept.expires_ms:
        return "enough"
    kept.expires_ms = now_ms + freeze_ms
    book.journal.append("frozen")
    return "frozen"


def adjust(
    book: Book, kind: str, sku: str, qty: int, key: str, channel: str = LIVE, suffix: str = ""
) -> tuple[str, int, int]:
    """Restock or write off, once a key: outcome, left, version (0 when refused).

    What the buyer of the paid reservation `suffix` gave back no longer counts against their limit.
    """
    act = (kind, sku, channel, qty)
    known = book.acts.get(key)
    if known is not None:
        return ("done", *known[1]) if known[0] == act else ("key_reused", 0, 0)  # type: ignore[return-value]
    refusal = _cannot_adjust(book, kind, sku, qty, channel)
    if refusal is not None:
        return refusal, 0, 0
    kept = book.reservations.get(suffix) if kind == "restock" else None
    if kept is not None and kept.state is ReservationState.PAID and kept.kept(sku) >= qty:
        kept.returned[sku] = kept.returned.get(sku, 0) + qty
        _count(book, kept.user_id, sku, -qty)
    cell = book.shelves[sku].open(channel)
    if kind == "write_off":
        cell.written_off += qty
    else:
        cell.restocked += qty
    cell.give(ADJUST_FACTOR[kind] * qty)
    book.acts[key] = (act, (cell.available, cell.version))
    book.journal.append(kind)
    return "done", cell.available, cell.version


def _cannot_adjust(book: Book, kind: str, sku: str, qty: int, channel: str) -> str | None:
    if not 1 <= qty <= SKU_UNITS_MAX:
        return "bad_request"
    shelf = book.shelves.get(sku)
    if shelf is None or (kind == "write_off" and channel not in shelf.cells):
        return "not_found"
    if kind == "write_off":
        return "conflict" if qty > shelf.cells[channel].available else None
    full = shelf.pieces_ever + qty > SKU_UNITS_MAX or shelf.is_full(channel)
    return "conflict" if full else None


def transfer(
    book: Book, sku: str, qty: int, from_channel: str, to_channel: str, key: str
) -> tuple[str, tuple[int, ...]]:
    """Move unsold pieces between channels, once a key: outcome, (left, version) of both."""
    act = ("transfer", sku, from_channel, to_channel, qty)
    known = book.acts.get(key)
    if known is not None:
        return ("done", known[1]) if known[0] == act else ("key_reused", (0, 0, 0, 0))
    shelf = book.shelves.get(sku)
    if not 1 <= qty <= SKU_UNITS_MAX or from_channel == to_channel:
        return "bad_request", (0, 0, 0, 0)
    if shelf is None or from_channel not in shelf.cells:
        return "not_found", (0, 0, 0, 0)
    if qty > shelf.cells[from_channel].available or shelf.is_full(to_channel):
        return "conflict", (0, 0, 0, 0)
    giver, taker = shelf.cells[from_channel], shelf.open(to_channel)
    for cell, moved in ((giver, -qty), (taker, qty)):
        cell.transferred += moved
        cell.give(moved)
    levels = (giver.available, giver.version, taker.available, taker.version)
    book.acts[key] = (act, levels)
    book.journal.append("transfer")
    return "done", levels


def change_stage(book: Book, act: str, *, countdown_ms: int, duration_ms: int, now_ms: int) -> str:
    """Preheat, start, stop, pause or resume; to pause what is paused is done already."""
    stage = STAGE_MOVES.get((book.stage, act))
    if stage is None:
        return "conflict"
    if SWITCH.get(act) is book.paused:
        return "done"
    book.stage = stage
    book.paused = SWITCH.get(act, book.paused and act != "stop")
    if act == "start":
        book.start_ms = now_ms + countdown_ms
        book.end_ms = book.start_ms + duration_ms
    elif act == "stop" and book.end_ms > now_ms:
        book.end_ms = now_ms
    book.journal.append("stage")
    return "done"


def _bad_lines(book: Book, buy: Buy) -> str | None:
    if not 1 <= len(buy.lines) <= LINES_MAX:
        return "bad_request"
    for sku, qty in buy.lines:
        if type(qty) is not int or not 1 <= qty <= QTY_MAX:
            return "bad_request"
        if sku not in book.shelves or buy.channel not in book.shelves[sku].cells:
            return "not_found"
    return None


def _summed(lines: tuple[Line, ...]) -> dict[str, int]:
    need: dict[str, int] = {}
    for sku, qty in lines:
        need[sku] = need.get(sku, 0) + qty
    return need


def _outside_window(book: Book, now_ms: int) -> str | None:
    if book.stage == "stopped":
        return "ended"
    if book.stage != "scheduled" or now_ms < book.start_ms:
        return "not_started"
    if now_ms >= book.end_ms:
        return "ended"
    return "paused" if book.paused else None


def _over_limit(book: Book, user_id: str, need: dict[str, int]) -> bool:
    for sku, qty in need.items():
        limit = book.shelves[sku].per_user
        if limit and book.counts.get((user_id, sku), 0) + qty > limit:
            return True
    return False


def _hold_again(book: Book, buy: Buy) -> Held | None:
    """The person's latest hold of just these lines, while it is held; the key is its key too."""
    suffix = book.standing.get((buy.user_id, buy.fingerprint))
    kept = book.reservations.get(suffix) if suffix is not None else None
    if kept is None or kept.state is not ReservationState.HELD:
        return None
    answer = book.answers[buy.user_id, kept.key]
    book.answers[buy.user_id, buy.key] = answer
    book.journal.append("again")
    return answer[1]


def _hold(book: Book, buy: Buy, need: dict[str, int], now_ms: int) -> Held:
    amount = 0
    for sku, qty in need.items():
        shelf = book.shelves[sku]
        cell = shelf.cells[buy.channel]
        cell.held += qty
        cell.give(-qty)
        amount += qty * shelf.price_cents
        _count(book, buy.user_id, sku, qty)
    answer = Held(
        suffix=buy.suffix,
        amount_cents=amount,
        expires_ms=now_ms + book.hold_ms,
        pay_by_ms=now_ms + book.pay_ms,
        left=tuple((sku, book.shelves[sku].cells[buy.channel].available) for sku in need),
    )
    book.reservations[buy.suffix] = Kept(
        state=ReservationState.HELD,
        user_id=buy.user_id,
        key=buy.key,
        amount_cents=amount,
        pay_by_ms=answer.pay_by_ms,
        expires_ms=answer.expires_ms,
        created_ms=now_ms,
        lines=tuple(need.items()),
        channel=buy.channel,
    )
    if buy.again:
        book.standing[buy.user_id, buy.fingerprint] = buy.suffix
    book.answers[buy.user_id, buy.key] = (buy.fingerprint, answer)
    book.journal.append("held")
    return answer


def _count(book: Book, user_id: str, sku: str, qty: int) -> None:
    count = book.counts.get((user_id, sku), 0) + qty
    if count:
        book.counts[user_id, sku] = count
    else:
        book.counts.pop((user_id, sku), None)
