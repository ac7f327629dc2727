"""Asks a house's own reviewer about each comment, over a signed webhook, and never waits long.

The reviewer answers `{"verdict": "allow" | "hold" | "reject"}` within the set time. No answer, a
wrong one, too many questions at once, or a reviewer that has failed again and again: the set
fallback decides. Only the author of the comment waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import aiohttp
import msgspec
import orjson

from flash_sale.payments import sign
from server.breaker import Breaker
from server.config import Settings

Verdict = Literal["allow", "hold", "reject"]


class Line(Protocol):
    """How to reach the reviewer: `webhook_post.WebhookSender`, with its rules of where to."""

    async def ask(self, url: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]: ...

    async def close(self) -> None: ...


class Counter(Protocol):
    """Where outcomes are counted."""

    def reviewed(self, outcome: str) -> None: ...


class _Answer(msgspec.Struct, frozen=True):
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class ReviewTerms:
    """Whom to ask, how to sign, how long to wait. An empty `url` asks nobody."""

    url: str
    secret: bytes
    within_s: float
    fallback: Literal["allow", "hold"]
    at_once_max: int


def terms_of(settings: Settings) -> ReviewTerms:
    """The terms as they are set."""
    return ReviewTerms(
        url=settings.review_url,
        secret=settings.review_secret.get_secret_value().encode(),
        within_s=settings.review_timeout_ms / 1_000,
        fallback=settings.review_fallback,
        at_once_max=settings.review_at_once_max,
    )


class Reviewer:
    """One worker's line to the reviewer."""

    def __init__(
        self, terms: ReviewTerms, line: Line, *, now_ms: Callable[[], int], counter: Counter
    ) -> None:
        self._terms = terms
        self._line = line
        self._now_ms = now_ms
        self._counter = counter
        self._breaker = Breaker()
        self._asking = 0

    @property
    def asked(self) -> bool:
        """Whether there is anybody to ask."""
        return bool(self._terms.url)

    async def judge(self, room_id: str, comment: dict[str, Any]) -> Verdict:
        """The verdict on a comment (its wire form)."""
        terms = self._terms
        if not terms.url:
            return "allow"
        if self._asking >= terms.at_once_max or not self._breaker.allows(self._now_ms()):
            self._counter.reviewed("passed_over")
            return terms.fallback
        self._asking += 1
        try:
            verdict = await self._answer(room_id, comment)
        finally:
            self._asking -= 1
        self._counter.reviewed(verdict or "no_answer")
        return verdict or terms.fallback

    async def close(self) -> None:
        """Hang up."""
        await self._line.close()

    async def _answer(self, room_id: str, comment: dict[str, Any]) -> Verdict | None:
        now_ms = self._now_ms()
        body = orjson.dumps({"room_id": room_id, "ts": now_ms, "comment": comment})
        headers = {
            "Content-Type": "application/json",
            "X-Liveroom-Signature": sign(self._terms.secret, body, now_ms // 1_000),
        }
        try:
            async with asyncio.timeout(self._terms.within_s):
                status, answer = await self._line.ask(self._terms.url, headers, body)
            if status != 200:
                raise ValueError(f"status {status}")
            verdict = msgspec.json.decode(answer, type=_Answer).verdict
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            self._breaker.failed(self._now_ms())
            return None
        self._breaker.answered()
        return verdict
