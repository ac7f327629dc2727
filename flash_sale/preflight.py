"""The first of two steps to start a sale: look at everything once, and seal what was seen.

Pure. The seal proves to the second step that nothing changed in between: same stage, same stock,
looked at a moment ago. It is no permission: who may start is asked elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from flash_sale.errors import Refused
from flash_sale.sale import Level, Sale, Stage

FRESH_MS = 120_000  # the time a person takes to read and confirm
CLOCK_DRIFT_MS_MAX = 2_000  # between this worker and the stock store; the latter decides windows
SEAL_HEX = 32


@dataclass(frozen=True, slots=True)
class Check:
    """`name` is stable, for pages; `detail` is for people who read the API's answer."""

    name: str
    ok: bool
    detail: str

    def to_wire(self) -> dict[str, object]:
        return {"name": self.name, "ok": self.ok, "detail": self.detail}


def inspect(
    sale: Sale, levels: Mapping[str, Level], audit: Mapping[str, object], *, drift_ms: int
) -> tuple[Check, ...]:
    """What must hold before a sale can start; all of it, or it should not be started."""
    left = sum(level.left for level in levels.values())
    empty = [
        sku.sku_id for sku in sale.skus if sku.sku_id not in levels or not levels[sku.sku_id].left
    ]
    dear = [s.sku_id for s in sale.skus if s.list_cents and s.sale_cents > s.list_cents]
    return (
        Check("stage", sale.stage in (Stage.DRAFT, Stage.PREHEAT), f"the sale is {sale.stage}"),
        Check("not_paused", not sale.paused, "paused" if sale.paused else "not paused"),
        Check("stock", not empty, f"nothing of {empty}" if empty else f"{left} pieces to sell"),
        Check("price", not dear, f"above list price: {dear}" if dear else "prices are in order"),
        Check(
            "books",
            bool(audit["balanced"]),
            "the stock is accounted for, piece by piece"
            if audit["balanced"]
            else f"unbalanced: {audit['problems']}",
        ),
        Check("clock", abs(drift_ms) <= CLOCK_DRIFT_MS_MAX, f"{drift_ms} ms off the stock store's"),
    )


def seal(secret: bytes, sale: Sale, levels: Mapping[str, Level], now_ms: int) -> str:
    """A token for what was just inspected."""
    facts = repr((sale.sale_id, sale.rev, sale.generation, sorted(levels.items()), now_ms)).encode()
    digest = hmac.new(b"preflight:" + secret, facts, hashlib.sha256).hexdigest()
    return f"{now_ms}.{digest[:SEAL_HEX]}"


def check_seal(
    secret: bytes, token: str, sale: Sale, levels: Mapping[str, Level], now_ms: int
) -> None:
    """Raise `Refused("conflict")` unless `token` is fresh and the sale is as it was then."""
    at, _, _ = token.partition(".")
    looked_ms = int(at) if at.isascii() and at.isdigit() and len(at) <= 16 else 0
    if not looked_ms <= now_ms < looked_ms + FRESH_MS:
        raise Refused("conflict", "The preflight is not fresh: look again.")
    if not hmac.compare_digest(token.encode(), seal(secret, sale, levels, looked_ms).encode()):
        raise Refused("conflict", "The sale changed since the preflight: look again.")
