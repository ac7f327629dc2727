"""What one server frame says. Parsed once however many viewers received the same bytes.

A tick's frame is byte-equal for all viewers of a room, so a process that holds thousands of them
would otherwise parse the same JSON thousands of times. No sockets and no judging here.
"""

from __future__ import annotations

import zlib
from typing import Any

import orjson

from loadtest.history import Saw

CACHE_FRAMES_MAX = 256  # frames in flight between the first and the last viewer of a tick
CACHED_FRAME_BYTES_MAX = 64 * 1024  # larger ones are snapshots, which differ per viewer


class Message:
    """One decoded frame. `note` is free for its reader: worked out once, shared by all viewers."""

    __slots__ = ("body", "criticals", "drops", "events", "folds", "last_seq", "note", "replies")

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body
        self.replies: list[dict[str, Any]] = body.get("re", [])
        self.events: list[dict[str, Any]] = body.get("ev", [])
        self.criticals = tuple(saw(event) for event in self.events if "seq" in event)
        self.last_seq: int | None = body.get("seq")
        self.drops: dict[str, int] = body.get("drop", {})
        self.folds: dict[str, int] = body.get("fold", {})
        self.note: Any = None


def saw(event: dict[str, Any]) -> Saw:
    """A critical event as the history keeps it: two viewers' copies must have equal digests."""
    digest = zlib.crc32(orjson.dumps(event, option=orjson.OPT_SORT_KEYS))
    return Saw(event["seq"], event["t"], digest)


class MessageCache:
    """Messages by their bytes. Emptied when full: a tick's frames are never asked for again."""

    __slots__ = ("_messages",)

    def __init__(self) -> None:
        self._messages: dict[bytes, Message] = {}

    def read(self, payload: bytes) -> Message:
        """Raises ValueError when the payload is no JSON object."""
        known = self._messages.get(payload)
        if known is not None:
            return known
        body = orjson.loads(payload)
        if not isinstance(body, dict):
            raise ValueError(f"frame is no object: {payload[:80]!r}")
        message = Message(body)
        if not message.replies and len(payload) <= CACHED_FRAME_BYTES_MAX:
            if len(self._messages) >= CACHE_FRAMES_MAX:
                self._messages.clear()
            self._messages[payload] = message
        return message
