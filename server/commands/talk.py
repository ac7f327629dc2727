"""Comments: posting, pinning, deleting, and announcements."""

from __future__ import annotations

import asyncio
from typing import Any

from room import announcements, comments, mentions
from room.comments import Posted
from room.shapes import User
from server import talking
from server.commands.fields import Id, Mentions, Text
from server.context import Context
from server.errors import CommandRefused
from server.registry import EVERYONE, LOGGED_IN, STAFF, Params, RateClass, command

LATE_LOOK_S = 0.05  # comments reach the store in batches, some milliseconds after they are answered
LATE_LOOKS_MAX = 4


class Ping(Params):
    pass


@command("ping", roles=EVERYONE, rate=RateClass.CONTROL)
async def ping(context: Context, params: Ping) -> dict[str, Any]:
    """Keep the socket open and learn the server's clock."""
    return {"server_ms": context.now_ms}


class SendComment(Params):
    text: Text
    reply_to: Id | None = None
    mentions: Mentions = ()


@command("comment.send", roles=LOGGED_IN, rate=RateClass.TALK)
async def send(context: Context, params: SendComment) -> dict[str, Any]:
    """Say something to the room; `held` in the answer means that staff must see it first."""
    services, room = context.services, context.room
    user = context.speaker
    reply_to = None
    if params.reply_to is not None:
        reply_to = await _remembered(context, params.reply_to)
    follower = comments.needs_following(room.replica.state, user) and (
        await services.followers.in_room(room, user.id)
    )
    posted = comments.post(
        room.replica.state,
        user,
        params.text,
        comment_id=services.new_id("c"),
        words=await services.moderation.words.lists(room),
        now_ms=context.now_ms,
        speaker=comments.speaker(user, paid=user.id in room.buyers),
        reply_to=reply_to,
        follower=follower,
        mentions=await _called(context, params),
    )
    await wait_for_turn(context, user)
    await _refuse_repetition(context, posted.comment.text)
    if await _must_wait(context, posted):
        await talking.hold(context, posted.comment, answered=reply_to)
        return {"comment_id": posted.comment.id, "held": True}
    talking.tell(context, posted.comment, answered=reply_to)
    await services.couponing.note_deed(room, user.id, "comment")
    await services.lotteries.heard(room, context.user, params.text)
    return {"comment_id": posted.comment.id}


async def _called(context: Context, params: SendComment) -> tuple[str, ...]:
    """Whom the comment calls, among the host and those who spoke lately."""
    if not params.mentions and "@" not in params.text:
        return ()
    room = context.room
    host = room.replica.state.host

    def speakers() -> dict[str, str]:
        return {host.id: host.name, **room.speakers.names}

    if not mentions.all_known(params.text, params.mentions, speakers()):
        # Said on another worker a moment ago: the store has it before the bus brings it.
        room.note_speakers(await context.services.room_store.recent_comments(room.room_id))
    return mentions.resolve(params.text, params.mentions, speakers(), by=context.user.user_id)


async def _must_wait(context: Context, posted: Posted) -> bool:
    """Whether staff must see it first, by the words or by the reviewer; refuses `sensitive`."""
    if context.speaker.staff:
        return False
    reviewer = context.services.moderation.reviewer
    if not reviewer.asked:
        return posted.held
    verdict = await reviewer.judge(context.room.room_id, comments.wire(posted.comment))
    if verdict == "reject":
        raise CommandRefused("sensitive", "this comment is not allowed here")
    return posted.held or verdict == "hold"


async def _refuse_repetition(context: Context, text: str) -> None:
    """Refuse what was said a moment ago, by anybody on any worker, if the room wants it so."""
    within_s = context.room.replica.state.settings.unique_chat_s
    if within_s == 0 or context.speaker.staff:
        return
    key = comments.text_key(text)
    store = context.services.room_store
    comments.refuse_duplicate(await store.say_once(context.room.room_id, key, within_s=within_s))


async def wait_for_turn(context: Context, user: User) -> None:
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
