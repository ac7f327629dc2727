"""How the sandbox bank can misbehave, so that whoever builds on it sees that nothing breaks.

Pure: which letters arrive at the shop and in which order. Sending them is the bank's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import msgspec
import orjson

from flash_sale.payments import SIGNATURE_AGE_S_MAX, SIGNATURE_HEADER, Callback, sign

LATE_MS_MAX = 600_000
COPIES_MAX = 100
REFUSED_REFUND_CENTS = 444_444  # asked to give back just this sum, the bank refuses for good

Letter = tuple[dict[str, str], bytes]


class Forgery(StrEnum):
    """A callback somebody else sends: the bank itself has decided nothing."""

    UNSIGNED = "unsigned"
    SECRET = "secret"  # noqa: S105 - signed with another secret
    BODY = "body"  # changed after signing
    STALE = "stale"  # signed long ago
    FUTURE = "future"


@dataclass(frozen=True, slots=True)
class Tricks:
    """`late_ms`: sent so much later. `duplicate`: so many extra copies. `lose`: never sent, the
    shop must ask. `reorder`: an earlier "failed" arrives after the news. `amount_cents`: the
    bank took another sum."""

    late_ms: int = 0
    duplicate: int = 0
    lose: bool = False
    reorder: bool = False
    forge: Forgery | None = None
    amount_cents: int | None = None


NO_TRICKS = Tricks()


def letters(news: Callback, tricks: Tricks, secret: bytes, at_ms: int) -> list[Letter]:
    """What is posted, in that order, for news sent at `at_ms`."""
    if tricks.lose:
        return []
    if tricks.forge is not None:
        return [forged(news, tricks.forge, secret, at_ms)] * (1 + tricks.duplicate)
    sent = [signed(news, secret, at_ms)] * (1 + tricks.duplicate)
    if tricks.reorder:
        earlier = msgspec.structs.replace(
            news, event_id=f"{news.event_id}-before", status="failed", ts=news.ts - 1000
        )
        sent.append(signed(earlier, secret, at_ms))
    return sent


def signed(news: Callback, secret: bytes, at_ms: int) -> Letter:
    body = orjson.dumps(msgspec.structs.asdict(news))
    return _headers(sign(secret, body, at_ms // 1000)), body


def forged(news: Callback, forgery: Forgery, secret: bytes, at_ms: int) -> Letter:
    headers, body = signed(news, secret, at_ms)
    skew_s = {Forgery.STALE: -SIGNATURE_AGE_S_MAX - 1, Forgery.FUTURE: SIGNATURE_AGE_S_MAX + 60}
    match forgery:
        case Forgery.UNSIGNED:
            del headers[SIGNATURE_HEADER]
        case Forgery.SECRET:
            headers = _headers(sign(b"forged" + secret[:-1], body, at_ms // 1000))
        case Forgery.BODY:
            body = body.replace(b'"ts":', b'"ts":1')
        case Forgery.STALE | Forgery.FUTURE:
            headers = _headers(sign(secret, body, at_ms // 1000 + skew_s[forgery]))
    return headers, body


def _headers(signature: str) -> dict[str, str]:
    return {"Content-Type": "application/json", SIGNATURE_HEADER: signature}
