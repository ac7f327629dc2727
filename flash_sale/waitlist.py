"""The rules of waiting for returned pieces, in plain Python: the specification of `serving.lua`.

Pure. A waitlist stands beside a `stock.Book`. Every act that gives pieces back serves it in the
same step, and an offer is nothing else than a buy in the name of the person whose turn it is.
Random tests run this beside Redis.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from flash_sale.channels import LIVE
from flash_sale.stock import Book, Buy, Held, reserve


@dataclass(frozen=True, slots=True)
class Waiter:
    """One person waiting for pieces of a SKU, with what the hold will be called."""

    user_id: str
    sku_id: str
    qty: int
    suffix: str
    key: str
    fingerprint: str


@dataclass(slots=True)
class Waitlist:
    """Who waits, in order of arrival, and what came of those whose turn it was (by suffix)."""

    waiting: list[Waiter] = field(default_factory=list)
    turns: dict[str, tuple[str, Waiter]] = field(default_factory=dict)

    def of(self, sku_id: str) -> list[Waiter]:
        return [waiter for waiter in self.waiting if waiter.sku_id == sku_id]


def join(book: Book, waitlist: Waitlist, waiter: Waiter, now_ms: int) -> str:
    """Wait for pieces: `waiting`, also when waiting already, or the refusal's code."""
    if book.stage == "stopped":
        return "ended"
    if book.stage != "scheduled" or now_ms < book.start_ms:
        return "not_started"
    if now_ms >= book.end_ms:
        return "ended"
    shelf = book.shelves.get(waiter.sku_id)
    if shelf is None:
        return "not_found"
    if any(one.user_id == waiter.user_id for one in waitlist.of(waiter.sku_id)):
        return "waiting"
    has = book.counts.get((waiter.user_id, waiter.sku_id), 0)
    if shelf.per_user and has + waiter.qty > shelf.per_user:
        return "limit_reached"
    if shelf.cells[LIVE].available >= waiter.qty:
        return "conflict"
    waitlist.waiting.append(waiter)
    return "waiting"


def leave(waitlist: Waitlist, user_id: str, sku_id: str) -> bool:
    for waiter in waitlist.of(sku_id):
        if waiter.user_id == user_id:
            waitlist.waiting.remove(waiter)
            return True
    return False


def serve(book: Book, waitlist: Waitlist, sku_ids: Iterable[str], now_ms: int) -> None:
    """Offer what is available, first come first served.

    Who reached the limit meanwhile leaves the list; who wants more than there is keeps the place,
    and the pieces go to the next. A hold that is there already is not offered a second time.
    """
    for sku_id in sku_ids:
        for waiter in waitlist.of(sku_id):
            if book.shelves[sku_id].cells[LIVE].available < 1:
                break
            if waiter.suffix in book.reservations:
                _turn(waitlist, waiter, "offered")
                continue
            line = (waiter.sku_id, waiter.qty)
            its = (waiter.user_id, waiter.key, waiter.fingerprint, waiter.suffix)
            buy = Buy(*its, (line,), again=False)
            answer = reserve(book, buy, now_ms)
            if isinstance(answer, Held):
                book.standing[waiter.user_id, waiter.fingerprint] = waiter.suffix
                _turn(waitlist, waiter, "offered")
            elif answer == "limit_reached":
                _turn(waitlist, waiter, answer)


def _turn(waitlist: Waitlist, waiter: Waiter, outcome: str) -> None:
    waitlist.waiting.remove(waiter)
    waitlist.turns[waiter.suffix] = (outcome, waiter)
