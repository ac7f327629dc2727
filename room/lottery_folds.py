"""What the events of lotteries mean for the room's state. `state.apply` asks here."""

from __future__ import annotations

from typing import assert_never

from msgspec.structs import replace

from room.events import (
    LotteryDrawn,
    LotteryFrozen,
    LotteryOpened,
    LotteryRedrawn,
    LotteryVoided,
)
from room.limits import LOTTERIES_MAX, WINNERS_KEPT_MAX
from room.shapes import Lottery

LotteryEvent = LotteryOpened | LotteryFrozen | LotteryDrawn | LotteryRedrawn | LotteryVoided


def lotteries_after(lotteries: dict[str, Lottery], event: LotteryEvent) -> dict[str, Lottery]:
    """An event about a lottery that is not kept any more changes nothing."""
    if isinstance(event, LotteryOpened):
        return _with(lotteries, event.lottery)
    lottery = lotteries.get(event.lottery_id)
    return lotteries if lottery is None else _with(lotteries, _moved(lottery, event))


def _moved(
    lottery: Lottery, event: LotteryFrozen | LotteryDrawn | LotteryRedrawn | LotteryVoided
) -> Lottery:
    match event:
        case LotteryFrozen(_, entries_count):
            return replace(lottery, state="frozen", entries_count=entries_count)
        case LotteryDrawn(_, entries_count, _, _, winners):
            return replace(lottery, state="drawn", entries_count=entries_count, winners=winners)
        case LotteryRedrawn():
            return _redrawn(lottery, event)
        case LotteryVoided():
            return replace(lottery, state="void")
    assert_never(event)


def _redrawn(lottery: Lottery, event: LotteryRedrawn) -> Lottery:
    """The newcomer stands last: their rank is higher than that of everybody before."""
    if event.removal <= lottery.removals:
        return lottery
    stayed = tuple(winner for winner in lottery.winners if winner.user_id != event.out)
    came = (event.winner,) if event.winner is not None else ()
    return replace(lottery, winners=(*stayed, *came), removals=event.removal)


def _with(lotteries: dict[str, Lottery], lottery: Lottery) -> dict[str, Lottery]:
    """Keep the newest; finished ones make room first, oldest first."""
    kept = {**lotteries, lottery.lottery_id: lottery}
    winners = sum(len(each.winners) for each in kept.values())
    for key, each in list(kept.items()):
        if len(kept) <= LOTTERIES_MAX and winners <= WINNERS_KEPT_MAX:
            break
        if each.state in ("drawn", "void") and key != lottery.lottery_id:
            winners -= len(each.winners)
            del kept[key]
    return kept
