"""Ending background tasks for certain.

One cancellation is not enough: it is lost where a library catches it, and redis-py and aiosqlite do
when it arrives in the same turn of the loop as an answer or a time-out. A loop that missed its
cancellation runs for ever, and whoever gathers it waits for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

ASK_AGAIN_S = 0.2


async def end_all(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks, again and again, until all are over. Their results are dropped."""
    running = {task for task in tasks if not task.done()}
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=ASK_AGAIN_S)
