"""Which of a tick's chat viewers are shown: the room's sampling rule over the tick's items."""

from __future__ import annotations

from collections.abc import Sequence

from room import sampling
from server.outbox import ChatItem


def choose_chat(items: Sequence[ChatItem], allowance: int) -> tuple[list[ChatItem], list[ChatItem]]:
    """Split a tick's chat by the room's sampling rule; notices only fill what comments leave."""
    comments = [item for item in items if item.kind == "comment"]
    others = [item for item in items if item.kind != "comment"]
    ranks = [sampling.rank(i.role, buyer=i.buyer, first_time=i.first) for i in comments]
    choice = sampling.choose(ranks, allowance)
    room_left = max(0, allowance - len(choice.chosen))
    chosen = [comments[index] for index in choice.chosen] + others[:room_left]
    dropped = [comments[index] for index in choice.dropped] + others[room_left:]
    return chosen, dropped
