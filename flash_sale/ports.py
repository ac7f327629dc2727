"""What the use cases need from the outside, and the facts that cross those seams. No I/O here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import msgspec

from flash_sale.channels import LIVE, Cell
from flash_sale.orders import Order, OrderMove, Reservation
from flash_sale.payments import Callback, Payment, PaymentStatus
from flash_sale.refunds import Refund, RefundStatus
from flash_sale.sale import Level, Phase, Sale, SaleSpec, Stage

StockHook = Callable[..., None]  # sale_id, room_id, levels, aside=0
OrderHook = Callable[[dict[str, object]], None]
OfferHook = Callable[[str, str, str, dict[str, object]], None]
RefundHook = Callable[[str, dict[str, object]], None]


class Ask(NamedTuple):
    """What buyers ask for; in a stampede most ask for the same.

    `off_cents` come off the price of the lines, `discounts` says for what (a JSON list, '' for
    nothing). `again` 1: at the limit the hold of the same lines may be given again.
    """

    fingerprint: str
    lines: tuple[tuple[str, int], ...]
    channel: str = LIVE
    off_cents: int = 0
    discounts: str = ""
    again: int = 1


class Buy(NamedTuple):
    """One buy. `eligible` 0: who asks may not take part."""

    user_id: str
    key: str
    suffix: str
    ask: Ask
    eligible: int = 1


@dataclass(slots=True)
class Hooks:
    """What the composition root wants to hear. Called in the event loop; must not raise or block.

    `on_stock(sale_id, room_id, {sku_id: Level}, aside)` after each act that changed what is
    available; staff took `aside` pieces of each off the shelf with it: nobody bought them;
    `on_order(order)` after each move of an order that this process won;
    `on_offer(room_id, user_id, outcome, details)` when a turn on a waitlist came;
    `on_refund_failed(room_id, refund)` when a provider refused a refund for good;
    `on_refund_requested(room_id, request)` when a buyer asked for one;
    `on_refund_decided(request)` when that was answered or taken back.
    """

    on_stock: StockHook = field(default=lambda sale_id, room_id, levels, aside=0: None)
    on_order: OrderHook = field(default=lambda order: None)
    on_offer: OfferHook = field(default=lambda room_id, user_id, outcome, details: None)
    on_refund_failed: RefundHook = field(default=lambda room_id, refund: None)
    on_refund_requested: RefundHook = field(default=lambda room_id, request: None)
    on_refund_decided: OrderHook = field(default=lambda request: None)


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """`outcome` ok, missing or fenced; answers are JSON (first byte `{`) or refusal codes."""

    outcome: str
    answers: Sequence[bytes]
    levels: dict[str, Level]


@dataclass(frozen=True, slots=True)
class Settlement:
    """Outcome of settle or reclaim, see `lua/settle.lua` and `lua/reclaim.lua`."""

    outcome: str
    reservation: Reservation | None
    levels: dict[str, Level]


@dataclass(frozen=True, slots=True)
class Released:
    """Outcome of release, see `lua/release.lua`; outcomes and records in the order asked."""

    outcome: str
    outcomes: Sequence[str]
    reservations: Sequence[Reservation | None]
    levels: dict[str, Level]


@dataclass(frozen=True, slots=True)
class StageChange:
    stage: Stage
    start_ms: int | None
    end_ms: int | None
    journal_seq: int
    paused: bool = False


class StoredAnswer(msgspec.Struct, frozen=True, gc=False):
    """`more_keys`: other keys under which the same person was given the same hold again."""

    fingerprint: str
    json: str
    more_keys: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Footing:
    """Which data of a sale the stock store holds."""

    generation: int
    fenced: bool
    journal_seq: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Counters by cell (a h s i r w t v), reservation records, pieces per person, number of holds.

    All of one moment. `fenced`: the sale is being rebuilt, and need not balance.
    """

    counters: dict[Cell, dict[str, int]]
    reservations: Iterable[Reservation] | None  # None: too many to read
    counts: dict[str, int]
    holds: int
    fenced: bool = False


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One journalled fact. `fields` are the scripts' own names (see each script's journal line);
    a fact of a batch of buys has those of `again`, or none."""

    seq: int
    kind: str
    at_ms: int
    fields: Mapping[str, bytes]
    reservation: Reservation | None = None  # of a `held` entry
    answer: StoredAnswer | None = None  # of a `held` entry

    def text(self, name: str) -> str:
        return self.fields[name].decode()


@dataclass(frozen=True, slots=True)
class Transfer:
    """Pieces moved between channels, as staff ask for it."""

    sku_id: str
    qty: int
    from_channel: str
    to_channel: str
    key: str
    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Frozen:
    """Outcome of freeze, see `lua/freeze.lua`, and the reservation as it is now."""

    outcome: str
    reservation: Reservation | None


class StockStore(Protocol):
    """Where scarce things are decided. Every method may raise `Refused("unknown_outcome")`."""

    async def reserve(self, sale_id: str, now_ms: int, buys: Sequence[Buy]) -> BatchAnswer: ...
    async def settle(
        self, sale_id: str, suffix: str, payment_id: str, now_ms: int
    ) -> Settlement: ...
    async def reclaim(
        self, sale_id: str, suffix: str, payment_id: str, now_ms: int
    ) -> Settlement: ...
    async def release(
        self, sale_id: str, suffixes: Sequence[str], target: str, now_ms: int
    ) -> Released: ...
    async def adjust(
        self,
        sale_id: str,
        kind: str,
        sku_id: str,
        qty: int,
        *,
        key: str,
        actor: str,
        reason: str,
        now_ms: int,
        channel: str = LIVE,
        suffix: str = "",
    ) -> Level: ...
    async def transfer(self, sale_id: str, ask: Transfer, now_ms: int) -> tuple[Level, Level]: ...
    async def freeze(self, sale_id: str, suffix: str, freeze_ms: int, now_ms: int) -> Frozen: ...
    async def change_stage(
        self, sale_id: str, act: str, *, countdown_ms: int, duration_ms: int, now_ms: int
    ) -> StageChange: ...
    async def now_ms(self) -> int: ...
    async def levels(self, sale_ids: Sequence[str]) -> dict[str, dict[str, Level]]: ...
    async def reservation(self, sale_id: str, suffix: str) -> Reservation | None: ...
    async def stored_answer(self, sale_id: str, user_id: str, key: str) -> StoredAnswer | None: ...
    async def due_holds(self, sale_id: str, now_ms: int, limit: int) -> list[str]: ...
    async def snapshot(
        self, sale_id: str, *, records_max: int | None = None
    ) -> Snapshot | None: ...
    async def entries_after(self, sale_id: str, seq: int, limit: int) -> list[Entry]: ...
    async def trim(self, sale_id: str, upto_seq: int) -> None: ...
    async def footings(self, sale_ids: Sequence[str]) -> dict[str, Footing | None]:
        """A sale that is not known is left out; None: its server does not answer, others do."""
        ...

    async def begin(
        self, sale: Sale, counters: Mapping[Cell, Mapping[str, int]], *, seq: int, fenced: str
    ) -> bool: ...
    async def claim(self, sale_id: str, *, generation: int, seq: int) -> bool: ...
    async def load(
        self,
        sale_id: str,
        generation: int,
        reservations: Sequence[tuple[Reservation, StoredAnswer | None]],
    ) -> bool: ...
    async def fence(self, sale_id: str, *, generation: int = 0) -> None: ...
    async def unfence(self, sale_id: str, *, generation: int) -> bool: ...
    async def forget(self, sale_id: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Progress:
    """How far SQL has seen an open sale's journal: read to `consumed`, heard of `seen`."""

    sale: Sale
    consumed: int
    seen: int


@dataclass(frozen=True, slots=True)
class StockSums:
    """A cell's pieces by SQL. `transferred` is what came in less what went out."""

    initial: int
    restocked: int = 0
    written_off: int = 0
    transferred: int = 0
    held: int = 0
    sold: int = 0


class SaleLedger(Protocol):
    """Sales in SQL. The truth about which sales exist and about everything acknowledged."""

    async def add_sale(self, spec: SaleSpec, room_id: str, now_ms: int) -> Sale: ...
    async def sale(self, sale_id: str) -> Sale | None: ...
    async def sale_by_number(self, number: int) -> Sale | None: ...
    async def sales_of_room(self, room_id: str) -> list[Sale]: ...
    async def open_sales(self) -> list[Progress]: ...
    async def open_sales_lately(self) -> list[Progress]:
        """The same as it was a moment ago: to see whether anything is to be done. Who then acts on
        more than what never changes of a sale reads afresh."""
        ...

    async def progress(self, sale_id: str) -> Progress | None: ...
    async def set_stage(self, sale_id: str, change: StageChange) -> None: ...
    async def set_announced(self, sale_id: str, phase: Phase, rev: int) -> None: ...
    async def next_life(self) -> None: ...
    async def next_generation(self, sale_id: str, expected: int, journal_seq: int) -> bool: ...
    async def stock_sums(self, sale_id: str) -> dict[Cell, StockSums]: ...
    async def reservations_after(
        self, sale_id: str, suffix: str, limit: int
    ) -> list[tuple[Reservation, StoredAnswer | None]]: ...
    async def retire(self, sale_id: str) -> None: ...


class JournalLedger(Protocol):
    async def apply(self, sale: Sale, expected: int, entries: Sequence[Entry]) -> bool: ...
    async def park(self, sale: Sale, expected: int, entry: Entry, error: str) -> bool: ...


class Customers(Protocol):
    async def who_bought(self, user_ids: Sequence[str]) -> set[str]:
        """Those of them with a paid order."""
        ...


class OrderLedger(Protocol):
    """Orders in SQL; every move is a compare-and-set on the status."""

    async def order(self, order_id: str) -> Order | None: ...
    async def orders_of_user(self, user_id: str, limit: int) -> list[Order]: ...
    async def orders_of_room(self, room_id: str, limit: int) -> list[Order]: ...
    async def place(
        self, sale: Sale, reservation: Reservation, answer: StoredAnswer | None
    ) -> None: ...
    async def move(
        self,
        order_id: str,
        move: OrderMove,
        *,
        at_ms: int,
        journal_seq: int = 0,
        payment_id: str | None = None,
        taken_in: Sale | None = None,
    ) -> bool: ...


class PaymentLedger(Protocol):
    async def add_payment(self, payment: Payment) -> None: ...
    async def set_reference(self, payment_id: str, reference: str) -> None: ...
    async def payment(self, payment_id: str) -> Payment | None: ...
    async def payments_of(self, order_ids: Sequence[str]) -> list[Payment]: ...
    async def record_event(
        self, provider: str, callback: Callback, outcome: str, now_ms: int
    ) -> bool: ...
    async def capture(self, provider: str, callback: Callback, now_ms: int) -> bool: ...
    async def set_status(
        self, payment_id: str, status: PaymentStatus, expected: PaymentStatus
    ) -> bool: ...
    async def resolve_as_order(self, payment_id: str) -> bool: ...
    async def resolve_as_refund(self, refund: Refund) -> bool: ...
    async def unresolved(self, limit: int) -> list[Payment]: ...
    async def pending_between(self, after_ms: int, before_ms: int, limit: int) -> list[Payment]: ...


@dataclass(frozen=True, slots=True)
class Opened:
    """Where the buyer pays, and the provider's own id of the payment if it has one."""

    cashier_url: str
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class Fetch(Protocol):
    """One HTTP request of a provider, with a time limit; raises on connection trouble."""

    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> HttpAnswer: ...


class PaymentProvider(Protocol):
    """A bank or wallet. Errors other than the named ones mean: not known, ask again later."""

    name: str
    acknowledgement: tuple[str, bytes] | None  # content type and body it wants; None: any JSON

    async def create(self, payment: Payment, pay_by_ms: int) -> Opened:
        """Register the payment, again with the same outcome if repeated.

        Refused: bad_request for a currency it does not take.
        """
        ...

    def verify_callback(
        self, headers: Mapping[str, str], body: bytes, now_ms: int
    ) -> Callback | None:
        """What a genuine callback says of a payment; None when it is about something else.

        Refused: bad_signature, stale_signature, bad_request.
        """
        ...

    async def query(self, payment: Payment) -> Callback | None:
        """What the provider knows: succeeded, failed or closed; None while it is undecided."""
        ...

    async def close(self, payment: Payment) -> bool:
        """Forbid paying from now on; False when money had been captured before."""
        ...

    async def refund(self, refund: Refund, payment: Payment) -> RefundStatus:
        """Give money of the payment back, once however often it is asked; how that stands."""
        ...


class BankBooks(Protocol):
    """The sandbox bank's own memory: status, when, and the cents it took (None: what was due)."""

    async def decide(
        self, payment_id: str, status: str, at_ms: int, amount_cents: int | None = None
    ) -> str: ...
    async def standing(self, payment_id: str) -> tuple[str, int, int | None] | None: ...


Post = Callable[[str, dict[str, str], bytes], Awaitable[int]]
Later = Callable[[int, Callable[[], Awaitable[None]]], None]  # after so many milliseconds, do this
