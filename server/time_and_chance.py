"""The wall clock and the system's randomness, as the rules get them handed in.

Tokens in bulk are `randomness.py`'s.
"""

from __future__ import annotations

import secrets
import time

from flash_sale.doors import SEED_BYTES
from server.randomness import token_source

_token_hex = token_source(bytes.hex)  # a busy room names thousands of comments a second


def now_ms() -> int:
    """The wall clock, Unix milliseconds."""
    return time.time_ns() // 1_000_000


def new_id(prefix: str) -> str:
    """An id nobody can guess: 80 random bits behind the kind's letter."""
    return f"{prefix}_{_token_hex(10)}"


def new_seed() -> str:
    """What a shuffle is drawn by, told only afterwards."""
    return secrets.token_hex(SEED_BYTES)
