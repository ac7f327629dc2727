"""Unguessable tokens in bulk: entropy is drawn from the system for many of them at once.

A system call for each of a hundred thousand tokens a second is a cost of its own. Nothing else may
be made of these bytes, and each is used once.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable

TOKENS_AT_ONCE = 256


def token_source(spell: Callable[[bytes], str] | None = None) -> Callable[[int], str]:
    """As `secrets.token_urlsafe`, for one thread of one process: (number of bytes) → text.

    `spell` writes the bytes in another way, `bytes.hex` as `secrets.token_hex` does.
    """
    waiting: dict[int, list[str]] = {}
    spelled = spell or _urlsafe
    os.register_at_fork(after_in_child=waiting.clear)  # else a child would hand out the same

    def token(size: int) -> str:
        drawn = waiting.get(size)
        if not drawn:
            entropy = secrets.token_bytes(size * TOKENS_AT_ONCE)
            parts = (entropy[at : at + size] for at in range(0, len(entropy), size))
            drawn = waiting[size] = [spelled(part) for part in parts]
        return drawn.pop()

    return token


def _urlsafe(entropy: bytes) -> str:
    return base64.urlsafe_b64encode(entropy).rstrip(b"=").decode()
