"""Buying: many buyers' requests become few script calls.

Requests for one sale that arrive while its last batch is in flight go together in the next one.
When many wait, a second batch is on its way while the first is decided: neither Redis nor this
process then waits for the other. Batches are judged and sent in the order their buyers asked. The
script decides; this file collects, sends, hands answers out.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import orjson

from flash_sale.channels import LIVE, is_channel
from flash_sale.directory import SaleDirectory
from flash_sale.eligibility import Buyer
from flash_sale.errors import UNKNOWN_RETRY_MS, Refused
from flash_sale.judge import Judge
from flash_sale.ports import Ask, BatchAnswer, Buy, Hooks, StockStore
from flash_sale.sale import ID_PATTERN, Sale

BATCH_REQUESTS_MAX = 256  # larger ones gain nothing and lengthen everybody's wait
FLIGHTS_MAX = 2  # batches of one sale on their way; Redis decides one after the other
SECOND_FLIGHT_MIN = 128  # requests waiting; with fewer, one larger batch is cheaper than two
ANSWERED_WITHIN_S = 0.9  # of asking; a client is promised a second, the rest is its way here
SENT_WITHIN = 0.75  # of that time; later there is none left to wait for the store's answer
WAITING_REQUESTS_MAX = 20_000  # per sale; past it a buyer is told to come back, nothing was sent
LINES_MAX = 20  # as in buys.lua
QTY_MAX = 999  # as in buys.lua
KEY_PATTERN = re.compile(r"[\x21-\x7e]{1,128}")
SUFFIX_RANDOM_BYTES = 12

MESSAGES = {
    "bad_request": "The order lines are not acceptable.",
    "not_found": "No such sale or SKU.",
    "not_started": "The sale has not started.",
    "ended": "The sale is over.",
    "paused": "The sale is paused.",
    "not_eligible": "This sale is not open to you.",
    "limit_reached": "You have all you may buy of this.",
    "sold_out": "Sold out.",
    "key_reused": "This key was used for another request.",
    "unknown_outcome": "The stock store did not answer; ask again with the same key.",
    "unavailable": "Too many requests are waiting; nothing was reserved.",
}


@dataclass(frozen=True, slots=True)
class Price:
    """What a buy costs less than its lines, decided and kept before stock is asked for.

    `discounts` is a JSON list for the answer; `ask` makes requests for other benefits differ.
    """

    off_cents: int = 0
    discounts: str = ""
    ask: str = ""


LIST_PRICE = Price()


class Answer(NamedTuple):
    """`code` is "held" or the refusal's. `raw` is the held answer, equal bytes on every replay."""

    code: str
    raw: bytes | None = None
    retry_ms: int = 0

    @property
    def held(self) -> dict[str, object] | None:
        return None if self.raw is None else orjson.loads(self.raw)

    @property
    def message(self) -> str:
        return MESSAGES.get(self.code, "")


_REFUSALS = {code.encode(): Answer(code) for code in MESSAGES}
_UNKNOWN = Answer("unknown_outcome", retry_ms=UNKNOWN_RETRY_MS)
_UNAVAILABLE = Answer("unavailable", retry_ms=UNKNOWN_RETRY_MS)
_BAD_REQUEST = Answer("bad_request")
_NOT_FOUND = Answer("not_found")

Line = Mapping[str, object] | Sequence[object]
Lines = tuple[tuple[str, int], ...]


class _Request(NamedTuple):
    """One waiting buy. `asked_s` by the loop's clock."""

    buyer: Buyer
    key: str
    token: str
    ask: Ask
    asked_s: float
    future: asyncio.Future[Answer]


class _Lane:
    """One sale's waiting requests and the tasks that send them, one at a time: `turn`."""

    __slots__ = ("flights", "loop", "turn", "waiting", "waiting_max_s")

    def __init__(self, waiting_max_s: float) -> None:
        self.waiting_max_s = waiting_max_s
        self.loop = asyncio.get_running_loop()
        self.waiting: deque[_Request] = deque()
        self.flights: set[asyncio.Task[None]] = set()
        self.turn = asyncio.Lock()

    @property
    def wants_a_flight(self) -> bool:
        """Whether those who wait should be sent now, beside what is on its way."""
        if not self.flights:
            return bool(self.waiting)
        return len(self.flights) < FLIGHTS_MAX and len(self.waiting) >= SECOND_FLIGHT_MIN

    def next_batch(self) -> list[_Request]:
        """Those who asked first; who has waited too long is told that nothing was reserved."""
        waiting, too_old_s = self.waiting, self.loop.time() - self.waiting_max_s
        while waiting and waiting[0].asked_s < too_old_s:
            _tell(waiting.popleft(), _UNAVAILABLE)
        return [waiting.popleft() for _ in range(min(len(waiting), BATCH_REQUESTS_MAX))]

    def tell_all(self, answer: Answer) -> None:
        """Whoever waited behind a batch without answer would only wait as long again."""
        while self.waiting:
            _tell(self.waiting.popleft(), answer)


def _tell(request: _Request, answer: Answer) -> None:
    if not request.future.done():
        request.future.set_result(answer)


class ReserveEngine:
    """Reserves stock. Safe to use from any number of coroutines of one event loop."""

    def __init__(
        self,
        stock: StockStore,
        directory: SaleDirectory,
        hooks: Hooks,
        judge: Judge,
        new_token: Callable[[int], str],
        now_ms: Callable[[], int] | None = None,
    ) -> None:
        self.answered_within_s = ANSWERED_WITHIN_S
        self._stock = stock
        self._directory = directory
        self._hooks = hooks
        self._judge = judge
        self._new_token = new_token
        self._now_ms = now_ms
        self._lanes: dict[str, _Lane] = {}

    async def reserve(
        self,
        sale_id: str,
        buyer: Buyer,
        lines: Sequence[Line],
        key: str,
        *,
        channel: str = LIVE,
        price: Price = LIST_PRICE,
        asked_s: float | None = None,
    ) -> Answer:
        """Hold every line or none. Never raises for a refusal: see `Answer.code`.

        Answered within `answered_within_s` of `asked_s`, the loop's time when it was asked.
        `unknown_outcome` means it may have been held; the same `key` tells, for 24 h at least.
        """
        wanted = wanted_lines(lines)
        if wanted is None or KEY_PATTERN.fullmatch(key) is None:
            return _BAD_REQUEST
        if ID_PATTERN.fullmatch(buyer.user_id) is None:
            return _BAD_REQUEST
        if channel != LIVE and not is_channel(channel):
            return _BAD_REQUEST
        lane = self._lanes.get(sale_id)
        if lane is None:
            if ID_PATTERN.fullmatch(sale_id) is None:
                return _BAD_REQUEST
            lane = self._lanes[sale_id] = _Lane(self.answered_within_s * SENT_WITHIN)
        if len(lane.waiting) >= WAITING_REQUESTS_MAX:
            return _UNAVAILABLE
        if price is LIST_PRICE and channel == LIVE:
            ask = _ask_at_list_price(wanted)
        else:
            ask = _ask(wanted, channel, price)
        loop = lane.loop
        future: asyncio.Future[Answer] = loop.create_future()
        asked_s = loop.time() if asked_s is None else asked_s
        token = self._new_token(SUFFIX_RANDOM_BYTES)
        lane.waiting.append(_Request(buyer, key, token, ask, asked_s, future))
        if lane.wants_a_flight:
            lane.flights.add(loop.create_task(self._drain(sale_id, lane)))
        return await future

    async def require_eligible(self, sale_id: str, buyer: Buyer) -> None:
        """Refused: not_eligible, not_found, unavailable."""
        sale, at_s = await self._directory.find(sale_id), asyncio.get_running_loop().time()
        if sale is None:
            raise Refused("not_found", MESSAGES["not_found"])
        if not all(await self._judge.eligible(sale, [buyer], at_s)):
            raise Refused("not_eligible", MESSAGES["not_eligible"])

    async def answered(self, sale_id: str, user_id: str, key: str) -> bool:
        """Whether a buy of this key has an answer already. Refused unknown_outcome."""
        return await self._stock.stored_answer(sale_id, user_id, key) is not None

    async def close(self) -> None:
        """Wait for the batches in flight; call after the last `reserve`."""
        flights = [flight for lane in self._lanes.values() for flight in lane.flights]
        await asyncio.gather(*flights, return_exceptions=True)

    async def _drain(self, sale_id: str, lane: _Lane) -> None:
        flight = asyncio.current_task()
        assert flight is not None
        try:
            while lane.waiting:
                if len(lane.flights) > 1 and len(lane.waiting) < SECOND_FLIGHT_MIN:
                    break  # the other flight takes them along
                batch: list[_Request] = []
                answers = await self._fly(sale_id, lane, batch)
                for request, answer in zip(batch, answers, strict=True):
                    if not request.future.done():
                        request.future.set_result(answer)
                if answers and answers[0] is _UNKNOWN:
                    lane.tell_all(_UNKNOWN)
        finally:
            lane.flights.discard(flight)
            if not lane.flights:
                if self._lanes.get(sale_id) is lane:
                    del self._lanes[sale_id]
                lane.tell_all(_UNKNOWN)  # only after a fault: nobody waits for ever

    async def _fly(self, sale_id: str, lane: _Lane, batch: list[_Request]) -> Sequence[Answer]:
        """Take those who come next into `batch` and have them decided."""
        sending: asyncio.Task[BatchAnswer] | None = None
        try:
            async with lane.turn:  # else the next batch could be sent before this one
                batch += lane.next_batch()
                if not batch:
                    return ()
                until_s = batch[0].asked_s + self.answered_within_s
                async with asyncio.timeout_at(until_s):
                    sale = await self._directory.find(sale_id)
                    if sale is None:
                        return [_NOT_FOUND] * len(batch)
                    buys = await self._judged(sale, batch)
                now_ms = self._now_ms() if self._now_ms is not None else 0
                sending = lane.loop.create_task(self._stock.reserve(sale_id, now_ms, buys))
            async with asyncio.timeout_at(until_s):
                decided = await sending
        except (Refused, TimeoutError):
            return [_UNKNOWN] * len(batch)
        except Exception as fault:  # ours: nobody may wait for ever, and it may have been held
            lane.loop.call_exception_handler(
                {"message": f"a batch of buys of {sale_id} failed", "exception": fault}
            )
            return [_UNKNOWN] * len(batch)
        if decided.outcome != "ok":
            return [_UNKNOWN] * len(batch)
        if decided.levels:
            self._hooks.on_stock(sale_id, sale.room_id, decided.levels)
        return _answers(decided)

    async def _judged(self, sale: Sale, batch: list[_Request]) -> list[Buy]:
        at_s = asyncio.get_running_loop().time()
        eligible = await self._judge.eligible(sale, [request.buyer for request in batch], at_s)
        number = sale.number
        return [
            Buy(r.buyer.user_id, r.key, f"{number}-{r.token}", r.ask, int(may))
            for r, may in zip(batch, eligible, strict=True)
        ]


def fingerprint(lines: Sequence[tuple[str, int]], ask: str = "") -> str:
    """24 hex digits that differ when the request differs; the lines' order does not matter."""
    text = (repr(sorted(lines)) + ask).encode()
    return hashlib.blake2b(text, digest_size=12).hexdigest()


def _ask(lines: Lines, channel: str, price: Price) -> Ask:
    asked = fingerprint(lines, price.ask if channel == LIVE else f"{price.ask}@{channel}")
    again = int(not price.ask)  # what a coupon took off is kept under its own key
    return Ask(asked, lines, channel, price.off_cents, price.discounts, again)


@lru_cache(maxsize=4096)  # in a sale nearly everybody asks for the same
def _ask_at_list_price(lines: Lines) -> Ask:
    return _ask(lines, LIVE, LIST_PRICE)


def _answers(decided: BatchAnswer) -> list[Answer]:
    return [Answer("held", raw) if raw[0] == 0x7B else _REFUSALS[raw] for raw in decided.answers]


def wanted_lines(lines: Sequence[Line]) -> Lines | None:
    """The lines as pairs, or None. Types are strict: True, 1.0 and "1" are no quantities."""
    if not isinstance(lines, list | tuple) or not 1 <= len(lines) <= LINES_MAX:
        return None
    wanted = []
    for line in lines:
        if type(line) is not tuple and isinstance(line, Mapping):
            sku_id, qty = line.get("sku_id"), line.get("qty")
        elif len(line) == 2:
            sku_id, qty = line
        else:
            return None
        if type(sku_id) is not str or ID_PATTERN.fullmatch(sku_id) is None:
            return None
        if type(qty) is not int or not 1 <= qty <= QTY_MAX:
            return None
        wanted.append((sku_id, qty))
    return tuple(wanted)
