"""The sensitive words in force: the shipped ones with the house's own file, and each room's lists.

The house's file is `words.txt` in the data directory, in the form that `room/word_lists.py` says.
It is read again when it changes; a file that cannot be read leaves the words as they were.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

import structlog

from room.errors import Unavailable
from room.ports import RoomArchive
from room.word_lists import WordLists, default_lines, words_from
from room.words import SensitiveWords
from server.fanout import LiveRoom

log = structlog.get_logger(__name__)

HOUSE_FILE = "words.txt"
HOUSE_FILE_BYTES_MAX = 4 * 1024 * 1024
Stamp = tuple[int, int] | None  # modification time in ns and size; None when there is no file


class WordBook:
    """Which lists apply to a room, and how they are kept up to date."""

    def __init__(
        self, archive: RoomArchive, data_dir: Path, rooms: Callable[[], Iterable[LiveRoom]]
    ) -> None:
        self._archive = archive
        self._file = data_dir / HOUSE_FILE
        self._rooms = rooms
        self._shipped = default_lines()
        self._stamp: Stamp = None
        self._house = words_from(self._shipped)
        self._reading: dict[str, asyncio.Task[None]] = {}
        self._unread: set[str] = set()  # rooms whose lists could not be read, until the next round
        self._read_file()

    async def lists(self, room: LiveRoom) -> list[SensitiveWords]:
        """The lists to judge a text by; words that staff have just changed hold from the next."""
        if _is_behind(room) and room.room_id not in self._unread:
            await asyncio.shield(self._read_once(room))
        return [self._house] if room.words is None else [self._house, room.words]

    async def of_room(self, room_id: str) -> WordLists:
        """A room's own lists as they are kept."""
        return await self._archive.load_words(room_id)

    async def save(self, room_id: str, lists: WordLists, now_ms: int) -> None:
        """Replace a room's own lists; the room's event then tells the workers to read them."""
        await self._archive.save_words(room_id, lists, now_ms)

    async def prepare(self, room: LiveRoom) -> None:
        """Read a room's own lists, if it has any; before anybody is let in."""
        rev = room.replica.state.words_rev
        if rev:
            room.words = (await self._archive.load_words(room.room_id)).ready()
        room.words_rev = rev

    async def refresh(self) -> None:
        """One round: the file if it changed, and the lists of rooms whose revision moved."""
        self._read_file()
        self._unread.clear()
        for room in tuple(self._rooms()):
            if _is_behind(room):
                await self._read_once(room)

    def _read_once(self, room: LiveRoom) -> asyncio.Task[None]:
        """One reading for all who speak meanwhile."""
        task = self._reading.get(room.room_id)
        if task is None:
            task = self._reading[room.room_id] = asyncio.create_task(self._read(room))
            task.add_done_callback(lambda _: self._reading.pop(room.room_id, None))
        return task

    async def _read(self, room: LiveRoom) -> None:
        """Read a room's lists; without SQL the known ones stay in force."""
        try:
            await self.prepare(room)
        except Unavailable:
            self._unread.add(room.room_id)
            log.warning("words_not_read", room_id=room.room_id)

    def _read_file(self) -> None:
        stamp = self._stamp_of_file()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._house = words_from(self._shipped, self._file_lines(stamp))
            log.info("words_read", file=str(self._file), present=stamp is not None)
        except (OSError, ValueError) as error:
            log.warning("words_file_refused", file=str(self._file), error=str(error))

    def _stamp_of_file(self) -> Stamp:
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size

    def _file_lines(self, stamp: Stamp) -> list[str]:
        if stamp is None:
            return []
        if stamp[1] > HOUSE_FILE_BYTES_MAX:
            raise ValueError(f"larger than {HOUSE_FILE_BYTES_MAX} bytes")
        return self._file.read_text(encoding="utf-8").splitlines()


def _is_behind(room: LiveRoom) -> bool:
    """Whether staff changed the room's lists since they were read."""
    return room.words_rev != room.replica.state.words_rev
