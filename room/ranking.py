"""Ranks the entries of a lottery and lets others go on meanwhile. What a rank is, rules decide."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from room import fairness
from room.lottery import LotteryRecord, Ranks, slices


async def ranks(drawn: LotteryRecord, entries: Sequence[tuple[str, str]]) -> Ranks:
    """Everybody eligible in the order of the draw; between two slices the loop has its turn."""
    sorted_ones = []
    for some in slices(drawn, entries):
        sorted_ones.append(some)
        await asyncio.sleep(0)
    return Ranks(drawn, entries, fairness.merged(sorted_ones))
