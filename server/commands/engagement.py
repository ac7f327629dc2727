"""Taps, exposures, clicks and shares: counted, never queued."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from room import likes
from server.commands.fields import Id, ShortText
from server.context import Context
from server.registry import EVERYONE, Params, RateClass, command

CARDS_SEEN_MAX = 50


class AddLikes(Params):
    n: int = 1


@command("like.add", roles=EVERYONE, rate=RateClass.TAP)
async def add_likes(context: Context, params: AddLikes) -> dict[str, Any]:
    """Add 1 to 50 taps of the heart."""
    room = context.room
    room.counters["likes"] += likes.accept(room.replica.state, params.n)
    context.services.hub.show_totals(room)
    await context.services.couponing.note_deed(room, context.user.user_id, "like")
    return {"likes": room.state["likes"]}


class SeeCards(Params):
    card_ids: Annotated[list[Id], msgspec.Meta(min_length=1, max_length=CARDS_SEEN_MAX)]


@command("card.seen", roles=EVERYONE, rate=RateClass.TAP)
async def see_cards(context: Context, params: SeeCards) -> dict[str, Any]:
    """Acknowledge that cards came into view; each showing counts once a person."""
    room = context.room
    room.exposure.saw(room.replica.state, context.user.user_id, params.card_ids)
    return {}


class ClickCard(Params):
    product_id: Id


@command("card.click", roles=EVERYONE, rate=RateClass.TAP)
async def click_card(context: Context, params: ClickCard) -> dict[str, Any]:
    """Acknowledge that a card was opened; each showing counts once a person."""
    room = context.room
    room.exposure.opened(room.replica.state, context.user.user_id, params.product_id)
    return {}


class MakeShare(Params):
    channel: ShortText = ""


@command("share.made", roles=EVERYONE, rate=RateClass.TAP)
async def make_share(context: Context, params: MakeShare) -> dict[str, Any]:
    """Acknowledge that the room was shared."""
    context.room.counters["shares"] += 1
    await context.services.couponing.note_deed(context.room, context.user.user_id, "share")
    return {}
