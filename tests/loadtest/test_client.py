"""The client that load tests are made of, without a server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from loadtest.client import Address, Viewer


async def test_who_is_cancelled_as_the_answer_comes_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a host that was told to stop went on with the show, and who waited for it, for ever."""
    viewer = Viewer(Address.of("http://127.0.0.1:1", "room"), name="host")
    answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
    monkeypatch.setattr(Viewer, "send", lambda self, op, **params: answer)
    asking = asyncio.create_task(viewer.command("ping"))
    await asyncio.sleep(0)
    answer.set_result({})
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
