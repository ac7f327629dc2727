"""What staff decides before the room hears it: comments that wait, and the room's own words."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from room import moderation
from room.limits import ROOM_WORDS_MAX
from room.word_lists import room_lists
from server import talking
from server.commands.fields import Id, Name
from server.context import Context
from server.registry import STAFF, Params, RateClass, command

Words = Annotated[tuple[Name, ...], msgspec.Meta(max_length=ROOM_WORDS_MAX)]


class Nothing(Params):
    pass


class Waiting(Params):
    comment_id: Id


@command("comment.queue", roles=STAFF, rate=RateClass.STAFF, looks=True)
async def queue(context: Context, params: Nothing) -> dict[str, Any]:
    """The comments that wait for staff, oldest first."""
    return {"held": await talking.waiting(context)}


@command("comment.approve", roles=STAFF, rate=RateClass.STAFF)
async def approve(context: Context, params: Waiting) -> dict[str, Any]:
    """Let a waiting comment out."""
    await talking.judge(context, params.comment_id, approved=True)
    return {}


@command("comment.refuse", roles=STAFF, rate=RateClass.STAFF)
async def refuse(context: Context, params: Waiting) -> dict[str, Any]:
    """Keep a waiting comment from the room; its author is told."""
    await talking.judge(context, params.comment_id, approved=False)
    return {}


class SetWords(Params):
    mask: Words = ()
    review: Words = ()
    reject: Words = ()


@command("words.get", roles=STAFF, rate=RateClass.STAFF, looks=True)
async def get_words(context: Context, params: Nothing) -> dict[str, Any]:
    """The room's own sensitive words; those of the house apply besides."""
    lists = await context.services.moderation.words.of_room(context.room.room_id)
    return dict(msgspec.structs.asdict(lists))


@command("words.set", roles=STAFF, rate=RateClass.STAFF)
async def set_words(context: Context, params: SetWords) -> dict[str, Any]:
    """Replace the room's own words: starred out, held for staff, or refused; from now on."""
    words, room, by = context.services.moderation.words, context.room, context.speaker
    lists = room_lists(msgspec.structs.asdict(params))
    await words.save(room.room_id, lists, context.now_ms)
    await context.change(lambda state: moderation.words_changed(state, by=by))
    await words.prepare(room)
    return dict(msgspec.structs.asdict(lists))
