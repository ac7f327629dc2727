"""The questions as every viewer sees them without asking: how many, and the most wanted three."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from room.asking import Questions
from room.errors import Unavailable
from server.fanout import LiveRoom
from server.hub import Hub

TOP = 3
ROOMS_PER_CALL_MAX = 500  # in one exchange with the store: some 30 KB


class QuestionBoard:
    """Shows the board in the rooms of this worker, about once a second and when it changed."""

    def __init__(self, hub: Hub, questions: Questions):
        self._hub = hub
        self._questions = questions

    async def show_all(self, rooms: Sequence[LiveRoom]) -> None:
        """Look at all rooms' revisions in a few calls, then read the boards that have changed."""
        for first in range(0, len(rooms), ROOMS_PER_CALL_MAX):
            some = rooms[first : first + ROOMS_PER_CALL_MAX]
            revisions = await self._questions.revisions([room.room_id for room in some])
            for room in some:
                known_rev = room.state["questions"]["rev"]
                if revisions.get(room.room_id, known_rev) != known_rev:
                    with contextlib.suppress(Unavailable):  # it stays as it was
                        await self.show(room)

    async def show(self, room: LiveRoom) -> None:
        """Read one room's board, if it has changed."""
        known_rev = room.state["questions"]["rev"]
        board = await self._questions.board(room.room_id, known_rev, TOP)
        if board is not None and board.rev < known_rev:  # Redis has lost some, or all
            if not await self._questions.put_back(room.room_id):
                return
            board = await self._questions.board(room.room_id, known_rev, TOP)
        if board is not None and room.tell_state("questions", board.to_wire()):
            self._hub.ticker.wake_for_state(room)
