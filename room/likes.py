"""Likes: merged by the client, counted exactly, shown as an absolute total."""

from __future__ import annotations

from room.errors import Refused
from room.limits import LIKES_PER_COMMAND_MAX
from room.state import RoomState, require_live


def accept(state: RoomState, n: int) -> int:
    """How many likes to add for one command that merged `n` taps."""
    require_live(state)
    if not 1 <= n <= LIKES_PER_COMMAND_MAX:
        raise Refused("bad_request", f"n must be between 1 and {LIKES_PER_COMMAND_MAX}")
    return n
