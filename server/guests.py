"""What a visitor without a token is called."""

from __future__ import annotations

import hmac
from uuid import uuid4

from server.config import Settings
from server.tokens import Identity


def guest(settings: Settings, room_id: str, device: str, address: str = "") -> Identity:
    """The same for the same device in the same room, so that watch time survives a lost line.

    Who names no device is over HTTP the guest of their `address`: a new one with each request would
    be bound by no limit, and be counted as another viewer each time. A socket is one by itself.
    Keyed, for what a browser calls itself must not be read back from a public name.
    """
    known_by = device or (f"@{address}" if address else "")  # no device begins with @
    if not known_by:
        return Identity.guest(f"g_{uuid4().hex[:20]}")
    secret = settings.jwt_secret.get_secret_value().encode()
    known = hmac.digest(secret, f"guest:{room_id}:{known_by}".encode(), "sha256")
    return Identity.guest(f"g_{known.hex()[:20]}")
