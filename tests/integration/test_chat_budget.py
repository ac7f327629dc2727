"""The lossy lane: more is said than anyone can read, and every viewer can check the sum."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from tests.integration.house import Place
from tests.integration.visitor import Visitor

SPEAKERS = 40
EACH = 5
PUBLISHED = SPEAKERS * EACH
BUDGET_PER_S = 5


def accounted(visitor: Visitor) -> int:
    return len(visitor.of("comment")) + visitor.drops["comment"]


async def all_accounted(visitors: Iterable[Visitor], published: int = PUBLISHED) -> None:
    """Return once every viewer has been shown or told of so many comments."""

    async def one(visitor: Visitor) -> None:
        await visitor.until(lambda: accounted(visitor) >= published, "the whole sum")

    await asyncio.gather(*(one(visitor) for visitor in visitors))


@pytest.fixture
async def flooded(two_places: tuple[Place, Place]) -> tuple[list[Visitor], list[Visitor]]:
    """Speakers on two workers, all at once in a room with a small budget, and listeners."""
    here, there = two_places
    await here.do("room.set", chat_per_viewer_per_s=BUDGET_PER_S, comments_per_user_per_s=0)
    listeners = [
        await here.enter(),
        await there.enter(codec="msgpack"),
        await there.enter("quiet"),
    ]
    places = [here, there]
    speakers = await asyncio.gather(*(places[n % 2].enter(f"speaker{n}") for n in range(SPEAKERS)))

    async def speak(speaker: Visitor, number: int) -> None:
        for nth in range(EACH):
            await speaker.do("comment.send", text=f"{number}:{nth}")

    await asyncio.gather(*(speak(speaker, n) for n, speaker in enumerate(speakers)))
    return list(speakers), listeners


async def test_what_is_shown_and_what_is_dropped_is_what_was_said(
    flooded: tuple[list[Visitor], list[Visitor]],
) -> None:
    """For every viewer, on both workers and in both codecs, speakers included."""
    speakers, listeners = flooded
    await all_accounted([*speakers, *listeners])
    for visitor in (*speakers, *listeners):
        assert accounted(visitor) == PUBLISHED
        ids = [comment["id"] for comment in visitor.of("comment")]
        assert len(set(ids)) == len(ids)
    for listener in listeners:
        assert listener.drops["comment"] > 0, "the budget was not felt"


async def test_everyone_sees_their_own_words(
    flooded: tuple[list[Visitor], list[Visitor]],
) -> None:
    """Whatever the sampling left out for the others, in the order they were said."""
    await all_accounted(flooded[0])
    for number, speaker in enumerate(flooded[0]):
        wanted = [f"{number}:{nth}" for nth in range(EACH)]
        assert [text for text in speaker.texts if text in wanted] == wanted


async def test_the_room_counts_what_it_showed(
    two_places: tuple[Place, Place], flooded: tuple[list[Visitor], list[Visitor]]
) -> None:
    """Shown and dropped in the metrics are the sums over all viewers."""
    speakers, listeners = flooded
    everyone = [*speakers, *listeners]
    await all_accounted(everyone)
    shown = sum(len(visitor.of("comment")) for visitor in everyone)
    dropped = sum(visitor.drops["comment"] for visitor in everyone)
    path = f"/v1/rooms/{two_places[0].room_id}/metrics"
    async with asyncio.timeout(5):
        while True:
            _, body = await two_places[0].get(path)
            if (body["shown"]["comment"], body["dropped"]["comment"]) == (shown, dropped):
                break
            await asyncio.sleep(0.05)
    assert body["comments"] == PUBLISHED


async def test_what_is_lost_between_workers_is_told_too(two_places: tuple[Place, Place]) -> None:
    """A message between workers that never arrives is in the next `drop`: the sum still holds."""
    here, there = two_places
    await here.do("room.set", comments_per_user_per_s=0)
    speaker, near, far = await here.enter("lin"), await here.enter(), await there.enter()
    bus = there.worker.services.bus
    hear, lost = bus._dispatch, []

    def lossy(room_id: str, message: dict[str, Any]) -> None:
        if message["k"] == "chat" and len(far.of("comment")) >= 1 and len(lost) < 3:
            lost.append(message)
        else:
            hear(room_id, message)

    bus._dispatch = lossy  # type: ignore[method-assign]
    for number in range(8):
        await speaker.do("comment.send", text=f"{number}")
        await all_accounted([near], number + 1)
        if number == 0:
            await all_accounted([far], 1)
    await all_accounted([far], 8)
    assert (accounted(far), accounted(near)) == (8, 8)
    assert far.drops["comment"] == sum(len(message["c"]) for message in lost) > 0
