"""Waiting on a condition, so that no test waits for a stretch of time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

POLL_S = 0.01


def until(condition: Callable[[], bool], timeout_s: float = 15.0) -> None:
    """Return once `condition()` holds; fail when it does not within `timeout_s`."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, f"not within {timeout_s} s: {condition}"
        time.sleep(POLL_S)


async def until_async(condition: Callable[[], bool], timeout_s: float = 15.0) -> None:
    """The same without blocking the event loop."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, f"not within {timeout_s} s: {condition}"
        await asyncio.sleep(POLL_S)


async def eventually(condition: Callable[[], Awaitable[bool]], timeout_s: float = 15.0) -> None:
    """The same for a condition that has to ask."""
    deadline_s = time.monotonic() + timeout_s
    while not await condition():
        assert time.monotonic() < deadline_s, f"not within {timeout_s} s: {condition}"
        await asyncio.sleep(POLL_S)


def process_runs(pid: int) -> bool:
    """Whether a process with this id runs (a zombie does not)."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False
