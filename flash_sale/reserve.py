"""Buying: many buyers' requests become few script calls.

Requests for one sale that arrive while its last batch is in flight go together in the next one, one
batch per sale at a time. The script decides; this file only collects, sends and hands answers out.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import orjson

from flash_sale.channels import LIVE, is_channel
from flash_sale.directory import SaleDirectory
from flash_sale.eligibility import Buyer
from flash_sale.errors import UNKNOWN_RETRY_MS, Refused
from flash_sale.judge import Judge
from flash_sale.ports import BatchAnswer, Buy, Hooks, StockStore
from flash_sale.sale import ID_PATTERN, Sale

BATCH_REQUESTS_MAX = 256  # larger ones gain nothing and lengthen everybody's wait
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


@dataclass(frozen=True, slots=True)
class Answer:
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


class _Request(NamedTuple):
    """One waiting buy."""

    buyer: Buyer
    key: str
    fingerprint: str
    token: str
    lines: list[tuple[str, int]]
    channel: str
    price: Price
    future: asyncio.Future[Answer]


class _Lane:
    """One sale's waiting requests and the task that sends them."""

    __slots__ = ("room_id", "task", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[_Request] = deque()
        self.task: asyncio.Task[None] | None = None
        self.room_id = ""


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
    ) -> Answer:
        """Hold every line or none. Never raises for a refusal: see `Answer.code`.

        `unknown_outcome` means it may have been held; the same `key` tells, for 24 h at least.
        """
        wanted = wanted_lines(lines)
        if wanted is None or KEY_PATTERN.fullmatch(key) is None:
            return _BAD_REQUEST
        if ID_PATTERN.fullmatch(sale_id) is None or ID_PATTERN.fullmatch(buyer.user_id) is None:
            return _BAD_REQUEST
        if not is_channel(channel):
            return _BAD_REQUEST
        lane = self._lanes.get(sale_id)
        if lane is None:
            lane = self._lanes[sale_id] = _Lane()
        if len(lane.waiting) >= WAITING_REQUESTS_MAX:
            return _UNAVAILABLE
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        token = self._new_token(SUFFIX_RANDOM_BYTES)
        asked = fingerprint(wanted, price.ask if channel == LIVE else f"{price.ask}@{channel}")
        request = _Request(buyer, key, asked, token, wanted, channel, price, future)
        lane.waiting.append(request)
        if lane.task is None:
            lane.task = asyncio.create_task(self._drain(sale_id, lane))
        return await future

    async def close(self) -> None:
        """Wait for the batches in flight; call after the last `reserve`."""
        tasks = [lane.task for lane in self._lanes.values() if lane.task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _drain(self, sale_id: str, lane: _Lane) -> None:
        try:
            while lane.waiting:
                size = min(len(lane.waiting), BATCH_REQUESTS_MAX)
                batch = [lane.waiting.popleft() for _ in range(size)]
                answers = await self._decide(sale_id, batch)
                for request, answer in zip(batch, answers, strict=True):
                    if not request.future.done():
                        request.future.set_result(answer)
                if answers[0] is _UNKNOWN:
                    self._answer_all(lane, _UNKNOWN)
        finally:
            lane.task = None
            self._lanes.pop(sale_id, None)
            self._answer_all(lane, _UNKNOWN)  # only after a fault: nobody waits for ever

    @staticmethod
    def _answer_all(lane: _Lane, answer: Answer) -> None:
        """Whoever waited behind a batch without answer would only wait as long again."""
        while lane.waiting:
            future = lane.waiting.popleft().future
            if not future.done():
                future.set_result(answer)

    async def _decide(self, sale_id: str, batch: list[_Request]) -> list[Answer]:
        try:
            sale = await self._directory.find(sale_id)
            if sale is None:
                return [_NOT_FOUND] * len(batch)
            buys = await self._judged(sale, batch)
            now_ms = self._now_ms() if self._now_ms is not None else 0
            decided = await self._stock.reserve(sale_id, now_ms, buys)
        except Refused:
            return [_UNKNOWN] * len(batch)
        except Exception as fault:  # ours: nobody may wait for ever, and it may have been held
            asyncio.get_running_loop().call_exception_handler(
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
        return [
            Buy(
                user_id=r.buyer.user_id,
                key=r.key,
                fingerprint=r.fingerprint,
                suffix=f"{sale.number}-{r.token}",
                lines=r.lines,
                channel=r.channel,
                eligible=int(may),
                off_cents=r.price.off_cents,
                discounts=r.price.discounts,
                again=int(not r.price.ask),  # what a coupon took off is kept under its own key
            )
            for r, may in zip(batch, eligible, strict=True)
        ]


def fingerprint(lines: Sequence[tuple[str, int]], ask: str = "") -> str:
    """24 hex digits that differ when the request differs; the lines' order does not matter."""
    text = (repr(sorted(lines)) + ask).encode()
    return hashlib.blake2b(text, digest_size=12).hexdigest()


def _answers(decided: BatchAnswer) -> list[Answer]:
    return [Answer("held", raw) if raw[0] == 0x7B else _REFUSALS[raw] for raw in decided.answers]


def wanted_lines(lines: Sequence[Line]) -> list[tuple[str, int]] | None:
    """The lines as pairs, or None. Types are strict: True, 1.0 and "1" are no quantities."""
    if not isinstance(lines, list | tuple) or not 1 <= len(lines) <= LINES_MAX:
        return None
    wanted = []
    for line in lines:
        if isinstance(line, Mapping):
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
    return wanted
