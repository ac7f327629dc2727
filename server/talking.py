"""From a comment that may be shown to the events that show it, and the queue of those that may not.

The rules are `room/comments.py`'s; which viewer is shown what is `fanout.py`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec
import orjson

from room import comments
from room.errors import Refused
from room.shapes import Comment
from server.context import Context
from server.errors import CommandRefused
from server.outbox import ChatItem
from server.wire import event_json

SPEAKERS_REMEMBERED_MAX = 20_000  # a room's first-time speakers are told apart up to this many
Answered = Mapping[str, object] | None  # the `d` of the comment that this one answers


def tell(context: Context, comment: Comment, *, answered: Answered = None) -> None:
    """Say it to the room, and in person to those it calls or answers."""
    services, room = context.services, context.room
    body = orjson.Fragment(msgspec.json.encode(comment))
    item = ChatItem(
        kind="comment",
        user_id=comment.user.id,
        role=comment.user.role,
        raw=event_json("comment", context.now_ms, body),
        buyer=comment.user.buyer is True,
        first=room.note_speaker(comment.user.id, SPEAKERS_REMEMBERED_MAX),
        name=comment.user.name,
        comment_id=comment.id,
        fold=comments.fold_key(comment),
    )
    room.counters["comments"] += 1
    services.hub.tell_chat(room, item)
    called = _called(comment, answered)
    if not called:
        return
    event = event_json("mentioned", context.now_ms, {"comment": body})
    for user_id in called:
        services.hub.tell_user(room.room_id, user_id, event)


def _called(comment: Comment, answered: Answered) -> set[str]:
    called = set(comment.mentions or ())
    if answered is not None:
        author = cast(dict[str, str], answered["user"])
        called.add(author["id"])
    called.discard(comment.user.id)
    return called


async def hold(context: Context, comment: Comment, *, answered: Answered = None) -> None:
    """Put it before staff; its author and they are told. Refuses `rate_limited` when full."""
    services, room_id = context.services, context.room.room_id
    line = comments.wire(comment)
    record = orjson.dumps({"ts": context.now_ms, "comment": line, "answered": answered})
    if not await services.moderation.held.hold(room_id, comment.id, record):
        raise CommandRefused("rate_limited", "too many comments wait for staff", retry_ms=10_000)
    event = event_json("comment.held", context.now_ms, {"comment": line})
    services.hub.tell_user(room_id, comment.user.id, event)
    services.hub.tell_staff(room_id, event)


async def waiting(context: Context) -> list[dict[str, Any]]:
    """What waits for staff, oldest first: `{ts, comment}`."""
    held = context.services.moderation.held
    records = [orjson.loads(raw) for raw in await held.waiting(context.room.room_id)]
    records.sort(key=lambda record: record["ts"])
    return [{"ts": record["ts"], "comment": record["comment"]} for record in records]


async def judge(context: Context, comment_id: str, *, approved: bool) -> None:
    """Take a comment from the queue, once, and say it or not. Refuses `not_found`."""
    services, room_id = context.services, context.room.room_id
    raw = await services.moderation.held.take(room_id, comment_id)
    if raw is None:
        raise Refused("not_found", "that comment does not wait (any more)")
    record = orjson.loads(raw)
    comment = msgspec.convert(record["comment"], Comment)
    if approved:
        tell(context, comment, answered=record["answered"])
    body = {"comment_id": comment_id, "approved": approved, "by": context.user.user_id}
    event = event_json("comment.judged", context.now_ms, body)
    services.hub.tell_user(room_id, comment.user.id, event)
    services.hub.tell_staff(room_id, event)
