"""Comments: posting, pinning, deleting, and announcements."""

from __future__ import annotations

import asyncio
from typing import Any

from room import announcements, comments
from room.shapes import User
from server.commands.fields import Id, Text
from server.context import Context
from server.errors import CommandRefused
from server.outbox import ChatItem
from server.registry import EVERYONE, LOGGED_IN, STAFF, Params, RateClass, command
from server.wire import event_json

LATE_LOOK_S = 0.05  # comments reach the store in batches, some milliseconds after they are answered
LATE_LOOKS_MAX = 4
SPEAKERS_REMEMBERED_MAX = 20_000  # a room's first-time speakers are told apart up to this many


class Ping(Params):
    pass


@command("ping", roles=EVERYONE, rate=RateClass.CONTROL)
async def ping(context: Context, params: Ping) -> dict[str, Any]:
    """Keep the socket open and learn the server's clock."""
    return {"server_ms": context.now_ms}


class SendComment(Params):
    text: Text
    reply_to: Id | None = None


@command("comment.send", roles=LOGGED_IN, rate=RateClass.TALK)
async def send(context: Context, params: SendComment) -> dict[str, Any]:
    """Say something to the room."""
    services, room = context.services, context.room
    user = context.speaker
    reply_to = None
    if params.reply_to is not None:
        reply_to = await _remembered(context, params.reply_to)
    comment = comments.post(
        room.replica.state,
        user,
        params.text,
        comment_id=services.new_id("c"),
        words=services.words,
        now_ms=context.now_ms,
        speaker=comments.speaker(user, paid=user.id in room.buyers),
        reply_to=reply_to,
    )
    await _wait_for_turn(context, user)
    first = room.note_speaker(user.id, SPEAKERS_REMEMBERED_MAX)
    item = ChatItem(
        kind="comment",
        user_id=user.id,
        role=user.role,
        raw=event_json("comment", context.now_ms, comments.wire(comment)),
        buyer=user.id in room.buyers,
        first=first,
    )
    room.counters["comments"] += 1
    services.hub.tell_chat(room, item)
    await services.couponing.note_deed(room, user.id, "comment")
    return {"comment_id": comment.id}


async def _wait_for_turn(context: Context, user: User) -> None:
    """Refuse who speaks faster than the room allows, counted over all workers."""
    state = context.room.replica.state
    turn = comments.turn(state, user)
    if turn is None:
        return
    retry_ms = await context.services.room_store.take_turn(
        context.room.room_id, user.id, gap_ms=turn.gap_ms, burst=turn.burst
    )
    if retry_ms:
        comments.refuse_turn(state, retry_ms)


async def _remembered(context: Context, comment_id: str) -> dict[str, object]:
    """A comment by its id; one sent a moment ago may still be on its way into the store."""
    find = context.services.room_store.find_comment
    found = await find(context.room.room_id, comment_id)
    for _ in range(LATE_LOOKS_MAX):
        if found is not None:
            break
        await asyncio.sleep(LATE_LOOK_S)
        found = await find(context.room.room_id, comment_id)
    if found is None or comments.is_deleted(context.room.replica.state, comment_id):
        raise CommandRefused("not_found", "that comment is gone")
    return found


class CommentRef(Params):
    comment_id: Id


@command("comment.pin", roles=STAFF, rate=RateClass.STAFF)
async def pin(context: Context, params: CommentRef) -> dict[str, Any]:
    """Keep a comment in sight above the talk."""
    comment = await _remembered(context, params.comment_id)
    await context.change(lambda state: comments.pin(state, comment))
    return {}


@command("comment.unpin", roles=STAFF, rate=RateClass.STAFF)
async def unpin(context: Context, params: CommentRef) -> dict[str, Any]:
    """Let a pinned comment go."""
    await context.change(lambda state: comments.unpin(state, params.comment_id))
    return {}


@command("comment.delete", roles=STAFF, rate=RateClass.STAFF)
async def delete(context: Context, params: CommentRef) -> dict[str, Any]:
    """Take a comment off every screen."""
    by = context.speaker
    await context.change(lambda state: comments.delete(state, params.comment_id, by=by))
    return {}


class Announce(Params):
    text: Text


@command("announce", roles=STAFF, rate=RateClass.STAFF)
async def announce(context: Context, params: Announce) -> dict[str, Any]:
    """Show a line of text to everyone, late joiners included; an empty text clears it."""
    now_ms = context.now_ms
    await context.change(lambda state: announcements.announce(state, params.text, now_ms))
    return {}
