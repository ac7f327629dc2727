"""Every Redis key of this package, and nothing else makes one.

All keys of a room carry the hash tag `{room_id}`, so one script may touch several of them on a
cluster. Ids are checked at the edge to be `[A-Za-z0-9_-]{1,64}` and cannot break out of the tag.
"""

from __future__ import annotations

from typing import Final

# One timetable for all rooms: a sorted set of "room_id/lottery_id" by Unix ms.
LOTTERIES_DUE: Final = "lotteries:{due}"


def room(room_id: str) -> str:
    """Hash: epoch, seq, state (blob), peak."""
    return f"room:{{{room_id}}}"


def critical(room_id: str) -> str:
    """Stream of critical events; entry ids are `<seq>-0`."""
    return f"room:{{{room_id}}}:critical"


def bus(room_id: str) -> str:
    """Channel between the workers that have viewers of the room."""
    return f"room:{{{room_id}}}:bus"


def workers(room_id: str) -> str:
    """Hash: worker → last pulse."""
    return f"room:{{{room_id}}}:workers"


def retired(room_id: str) -> str:
    """Hash: silent worker → its last pulse, counted on."""
    return f"room:{{{room_id}}}:retired"


def totals(room_id: str) -> str:
    """Hash: counter → sum over workers that are gone for good."""
    return f"room:{{{room_id}}}:totals"


def visitors(room_id: str) -> str:
    """HyperLogLog of user ids."""
    return f"room:{{{room_id}}}:visitors"


def comments(room_id: str) -> str:
    """List of the last comments, oldest first, as JSON wire events."""
    return f"room:{{{room_id}}}:comments"


def turn(room_id: str, user_id: str) -> str:
    """String: when the person's saved-up turns are used up (Unix ms); expires by itself."""
    return f"room:{{{room_id}}}:turn:{user_id}"


def watched(room_id: str) -> str:
    """Hash: user → credited ms."""
    return f"room:{{{room_id}}}:watched"


def watched_until(room_id: str) -> str:
    """Hash: user → Unix ms up to which they were credited."""
    return f"room:{{{room_id}}}:watched_until"


def watched_total(room_id: str) -> str:
    """Integer: credited ms over all people."""
    return f"room:{{{room_id}}}:watched_total"


def lottery(room_id: str, lottery_id: str) -> str:
    """Hash: face, rules, seed (secret), state, count, hash, excluded, frozen_ms, winners, …"""
    return f"room:{{{room_id}}}:lottery:{lottery_id}"


def entries(room_id: str, lottery_id: str) -> str:
    """List of user ids in the order of entry."""
    return f"room:{{{room_id}}}:lottery:{lottery_id}:entries"


def receipts(room_id: str, lottery_id: str) -> str:
    """Hash: user → `<index>:<running hash>`."""
    return f"room:{{{room_id}}}:lottery:{lottery_id}:receipts"


def names(room_id: str, lottery_id: str) -> str:
    """Hash: user → display name at entry."""
    return f"room:{{{room_id}}}:lottery:{lottery_id}:names"
