"""The specification's answers, spelled as the script spells them."""

from __future__ import annotations

import orjson

from flash_sale.stock import Held


def spelled(answer: Held | str) -> bytes:
    """Bytes of the answer: JSON of a held one, else the refusal's code."""
    if isinstance(answer, str):
        return answer.encode()
    return orjson.dumps(
        {
            "status": "held",
            "reservation_id": f"r{answer.suffix}",
            "order_id": f"o{answer.suffix}",
            "amount_cents": answer.amount_cents,
            "currency": "CNY",
            "expires_ms": answer.expires_ms,
            "pay_by_ms": answer.pay_by_ms,
            "left": dict(answer.left),
        }
    )
