"""A room's own words are read once when staff change them, however many people speak."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from room.errors import Unavailable
from room.word_lists import WordLists
from server.word_book import WordBook


class Shelf:
    """Stands for SQL: counts who asks, and can be away."""

    def __init__(self) -> None:
        self.asked = 0
        self.away = False

    async def load_words(self, room_id: str) -> WordLists:
        self.asked += 1
        await asyncio.sleep(0)
        if self.away:
            raise Unavailable("away")
        return WordLists()


def a_room() -> Any:
    state = SimpleNamespace(words_rev=1)
    return SimpleNamespace(
        room_id="r1", replica=SimpleNamespace(state=state), words=None, words_rev=0
    )


def a_book(shelf: Any, rooms: list[Any], folder: Path) -> WordBook:
    return WordBook(shelf, folder, lambda: rooms)


async def test_all_who_speak_meanwhile_share_one_reading(tmp_path: Path) -> None:
    shelf, room = Shelf(), a_room()
    book = a_book(shelf, [room], tmp_path)
    found = await asyncio.gather(*(book.lists(room) for _ in range(50)))
    assert shelf.asked == 1
    assert {len(lists) for lists in found} == {2}
    await book.lists(room)
    assert shelf.asked == 1


async def test_without_sql_the_known_words_hold_and_it_is_asked_once_a_round(
    tmp_path: Path,
) -> None:
    shelf, room = Shelf(), a_room()
    shelf.away = True
    book = a_book(shelf, [room], tmp_path)
    for _ in range(10):
        assert len(await book.lists(room)) == 1
    assert shelf.asked == 1
    await book.refresh()
    await book.lists(room)
    assert shelf.asked == 2
    shelf.away = False
    await book.refresh()
    assert len(await book.lists(room)) == 2
