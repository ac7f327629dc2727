"""A buyer of one flash sale: asks at the start, asks again under the same key until it knows.

Used by the swarm, the stampede and the crash proof alike. Keeps every answer for the checks.
"""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple, Protocol

import orjson

from loadtest.client import Lost, Refused, Viewer
from loadtest.sale_checks import Purchase

PATIENCE_S = 30.0  # after this an unanswered purchase stays unknown
UNSURE = frozenset({"unknown_outcome", "unavailable", "rate_limited", "not_started"})
NOT_STARTED_PAUSE_S = 0.02
UNSURE_PAUSE_S = 0.2
UNKNOWN = "unknown"  # our own code: no answer within PATIENCE_S


class Seated(Protocol):
    """Whatever has a viewer that comes back by itself."""

    viewer: Viewer
    user_id: str


class Ask(NamedTuple):
    """One request and how long its answer took. `code` is empty for a hold, UNKNOWN for none."""

    at_s: float  # time.monotonic() when it was sent
    took_s: float
    code: str


class Buyer:
    """Buys once, or several times with `buy(key)`."""

    def __init__(self, seat: Seated, *, sale_id: str, sku_id: str) -> None:
        self.seat = seat
        self.sale_id, self.sku_id = sale_id, sku_id
        self.answered_us = 0  # from the first request to the first final answer
        self.asks: list[Ask] = []

    async def buy(self, key: str = "once", *, asks: int = 2) -> list[Purchase]:
        """All answers: the first, and for a hold `asks - 1` repeats under the same key."""
        began = time.monotonic()
        first = await self._until_known(key)
        if not self.answered_us:
            self.answered_us = int((time.monotonic() - began) * 1e6)
        answers = [first]
        for _ in range(asks - 1 if first.held else 0):
            answers.append(await self._until_known(key))
        return answers

    async def _until_known(self, key: str) -> Purchase:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            at_s = time.monotonic()
            try:
                answer = await self._ask(key)
                self._note(at_s, "")
                return self._purchase(key, answer)
            except Refused as refusal:
                self._note(at_s, refusal.code)
                if refusal.code not in UNSURE:
                    return self._purchase(key, {}, code=refusal.code)
                await asyncio.sleep(_pause_s(refusal))
            except (Lost, TimeoutError):
                self._note(at_s, UNKNOWN)
                await asyncio.sleep(UNSURE_PAUSE_S)
        return self._purchase(key, {}, code=UNKNOWN)

    def _note(self, at_s: float, code: str) -> None:
        self.asks.append(Ask(at_s, time.monotonic() - at_s, code))

    async def _ask(self, key: str) -> dict[str, object]:
        lines = [{"sku_id": self.sku_id, "qty": 1}]
        return await self.seat.viewer.command(
            "sale.buy", sale_id=self.sale_id, lines=lines, key=key
        )

    def _purchase(self, key: str, answer: dict[str, object], *, code: str = "") -> Purchase:
        return Purchase(
            user_id=self.seat.user_id,
            key=key,
            sku_id=self.sku_id,
            qty=1,
            reservation_id=str(answer.get("reservation_id", "")),
            order_id=str(answer.get("order_id", "")),
            code=code,
            answer=orjson.dumps(answer) if answer else b"",
        )


def _pause_s(refusal: Refused) -> float:
    if refusal.code == "not_started":
        return NOT_STARTED_PAUSE_S
    return max(refusal.retry_ms / 1000, UNSURE_PAUSE_S)
