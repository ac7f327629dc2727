"""Telling other systems what happened to orders: who listens, what is sent, when it is repeated.

The news is written in the transaction of the order's move (`storage/outbox_rows.py`); `step`
spreads it to the webhooks that listen and sends what is due. At least once: receivers tell repeats
by the `event_id`. Which addresses may be called is the sender's business, handed in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from flash_sale.errors import Refused, not_found
from flash_sale.payments import SIGNATURE_HEADER, sign
from flash_sale.ports import Post

ORDER_EVENTS = ("placed", "paid", "cancelled", "expired", "refunded", "ready_to_ship")
REFUND_EVENTS = ("requested", "decided", "failed")
EVENTS = frozenset(
    [*(f"order.{what}" for what in ORDER_EVENTS), *(f"refund.{what}" for what in REFUND_EVENTS)]
)
WEBHOOKS_MAX = 100
URL_CHARS_MAX = 1_000
SPREAD_MAX = 200  # news spread in one step
SENT_AT_ONCE_MAX = 20
ATTEMPTS_MAX = 12  # the last about 18 hours after the first
FIRST_WAIT_MS = 5_000
WAIT_MS_MAX = 6 * 3_600_000
KEPT_MS = 7 * 86_400_000  # what was sent or given up is forgotten after this
SECRET_BYTES = 32
ID_BYTES = 12


@dataclass(frozen=True, slots=True)
class Webhook:
    """`room_id` "*" listens to every room."""

    webhook_id: str
    room_id: str
    url: str
    secret: str
    events: tuple[str, ...]
    created_ms: int

    def to_wire(self) -> dict[str, object]:
        """Without its secret, which is told once."""
        return {
            "webhook_id": self.webhook_id,
            "room_id": self.room_id,
            "url": self.url,
            "events": list(self.events),
            "created_ms": self.created_ms,
        }


@dataclass(frozen=True, slots=True)
class Delivery:
    webhook: Webhook
    event_id: str
    event: str
    body: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """How a delivery stands after one more attempt: delivered, waiting or given_up."""

    state: str
    next_ms: int
    answer: int | None
    error: str | None


class WebhookLedger(Protocol):
    async def add(self, webhook: Webhook, actor: str) -> None: ...
    async def all(self) -> list[Webhook]: ...
    async def remove(self, webhook_id: str) -> bool: ...
    async def spread(self, limit: int) -> int: ...
    async def due(self, now_ms: int, limit: int) -> list[Delivery]: ...
    async def note(self, delivery: Delivery, attempt: Attempt) -> None: ...
    async def deliveries(self, webhook_id: str, limit: int) -> list[dict[str, Any]]: ...
    async def forget(self, before_ms: int) -> int: ...
    async def tell_ready(self, room_id: str, order_id: str, now_ms: int) -> bool: ...


class Webhooks:
    def __init__(self, ledger: WebhookLedger, send: Post, new_token: Callable[[int], str]) -> None:
        self._ledger = ledger
        self.send = send
        self._new_token = new_token

    async def add(
        self, room_id: str, url: str, events: Sequence[str], *, actor: str, now_ms: int
    ) -> dict[str, object]:
        """Listen. The answer is the only one that has the secret. Refused bad_request, conflict."""
        require_address(url)
        wanted = tuple(sorted(set(events))) or tuple(sorted(EVENTS))
        if not EVENTS.issuperset(wanted):
            raise Refused("bad_request", f"Events are {', '.join(sorted(EVENTS))}.")
        if len(await self._ledger.all()) >= WEBHOOKS_MAX:
            raise Refused("conflict", f"There are {WEBHOOKS_MAX} webhooks already.")
        webhook = Webhook(
            webhook_id=f"wh-{self._new_token(ID_BYTES)}",
            room_id=room_id,
            url=url,
            secret=self._new_token(SECRET_BYTES),
            events=wanted,
            created_ms=now_ms,
        )
        await self._ledger.add(webhook, actor)
        return {**webhook.to_wire(), "secret": webhook.secret}

    async def listed(self, room_id: str) -> list[dict[str, object]]:
        """Those of a room; "*" sees all."""
        found = await self._ledger.all()
        return [hook.to_wire() for hook in found if room_id in ("*", hook.room_id)]

    async def remove(self, webhook_id: str, room_id: str) -> None:
        """With what waits to be sent. Refused not_found."""
        await self._mine(webhook_id, room_id)
        if not await self._ledger.remove(webhook_id):
            raise not_found("webhook")

    async def deliveries(
        self, webhook_id: str, room_id: str, limit: int = 100
    ) -> list[dict[str, Any]]:
        """The delivery log, newest first. Refused not_found."""
        await self._mine(webhook_id, room_id)
        return await self._ledger.deliveries(webhook_id, limit)

    async def mark_ready(self, room_id: str, order_id: str, now_ms: int) -> None:
        """Tell that a paid order can be shipped, once. Refused not_found, conflict."""
        if not await self._ledger.tell_ready(room_id, order_id, now_ms):
            raise Refused("conflict", "Only a paid order can be ready to ship.")

    async def step(self, now_ms: int) -> int:
        """Spread the news and send what is due; how much was done."""
        done = await self._ledger.spread(SPREAD_MAX)
        due = await self._ledger.due(now_ms, SENT_AT_ONCE_MAX)
        await asyncio.gather(*(self._deliver(delivery, now_ms) for delivery in due))
        return done + len(due)

    async def forget(self, now_ms: int) -> int:
        return await self._ledger.forget(now_ms - KEPT_MS)

    async def _mine(self, webhook_id: str, room_id: str) -> None:
        hooks = {hook.webhook_id: hook for hook in await self._ledger.all()}
        if webhook_id not in hooks or room_id not in ("*", hooks[webhook_id].room_id):
            raise not_found("webhook")

    async def _deliver(self, delivery: Delivery, now_ms: int) -> None:
        body = delivery.body.encode()
        headers = {
            "Content-Type": "application/json",
            "X-Liveroom-Event": delivery.event,
            "X-Liveroom-Event-Id": delivery.event_id,
            SIGNATURE_HEADER: sign(delivery.webhook.secret.encode(), body, now_ms // 1000),
        }
        answer, error = None, None
        try:
            answer = await self.send(delivery.webhook.url, headers, body)
        except Exception as trouble:  # whatever its address does, the others are served
            error = f"{type(trouble).__name__}: {trouble}"[:300]
        await self._ledger.note(delivery, judge(delivery.attempts + 1, answer, error, now_ms))


def judge(attempts: int, answer: int | None, error: str | None, now_ms: int) -> Attempt:
    """2xx is delivered; anything else is tried again, each wait twice the last, up to a limit."""
    if answer is not None and 200 <= answer < 300:
        return Attempt("delivered", now_ms, answer, None)
    if attempts >= ATTEMPTS_MAX:
        return Attempt("given_up", now_ms, answer, error)
    wait_ms = min(WAIT_MS_MAX, FIRST_WAIT_MS * 2 ** (attempts - 1))
    return Attempt("waiting", now_ms + wait_ms, answer, error)


def require_address(url: str) -> None:
    """Refused bad_request unless it is an absolute http(s) address without user or fragment."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = None, None
    fine = (
        parts is not None
        and parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and parts.username is None
        and not parts.fragment
        and len(url) <= URL_CHARS_MAX
        and port != 0
        and url.isascii()
        and url.isprintable()
    )
    if not fine:
        raise Refused("bad_request", "The address must be http or https.")
