"""Lets the talk in only as fast as the event loop keeps up, so that a flood of comments waits and
buying, critical events and everybody else do not.

Whoever speaks waits here with their own socket alone; what waits too long, here or unread in that
socket, is refused with `rate_limited`. In one turn of the event loop only a few are let in: a
purchase takes several turns, and each is as long as the comments in it, so nobody while one is on
its way. The pace over many turns is found by watching how late a timer fires, as nothing else
tells what a comment costs on this machine at this moment.
"""

from __future__ import annotations

import asyncio
from collections import deque

from server.errors import CommandRefused
from server.precedence import Precedence

STEP_S = 0.02  # between two looks at the loop
LATE_S = 0.02  # a timer later than this: a purchase, a few turns of the loop, would feel the talk
PER_S_MIN = 1_000.0  # people are heard however busy the machine is: a hot room has a few hundred
PER_S_MAX = 5_000.0
PER_TURN = 4  # some 0.3 ms of a turn of the loop; of 2,000 short turns a second, 8,000 comments
WAIT_S_MAX = 3.0  # expected; nobody waits longer for an answer
REFUSED_AT_ONCE = 16  # between two comments of one viewer; a refusal costs a tenth of a comment
_SLOWER, _FASTER = 0.7, 1.05  # back off at once, return with care


class TalkPace:
    """How many may speak a second. Pure: what is measured is handed in."""

    def __init__(self) -> None:
        self.per_s = PER_S_MAX
        self._saved = 1.0

    def looked(self, *, late_s: float, passed_s: float) -> None:
        """A timer fired so late, so long after the last one."""
        factor = _SLOWER if late_s > LATE_S else _FASTER
        self.per_s = min(PER_S_MAX, max(PER_S_MIN, self.per_s * factor))
        most = max(1.0, self.per_s * STEP_S * 2)
        self._saved = min(most, self._saved + self.per_s * min(passed_s, 2 * STEP_S))

    def take(self) -> bool:
        """Whether one more may speak now."""
        if self._saved < 1:
            return False
        self._saved -= 1
        return True

    def too_many(self, waiting: int) -> bool:
        """Whether one more would wait too long."""
        return waiting >= self.per_s * WAIT_S_MAX

    def surplus(self, unread: int, waiting: int) -> int:
        """How many of one viewer's unread comments would wait too long.

        A viewer's comments are read one after the other, and each stands in line behind those of
        so many others: by Little's law `unread` of them take `unread * waiting / per_s` seconds.
        """
        bearable = self.per_s * WAIT_S_MAX / max(1, waiting)
        return max(0, unread - max(1, int(bearable)))


class TalkGate:
    """The gate of one worker. It runs only while people speak."""

    def __init__(self, precedence: Precedence | None = None) -> None:
        self._precedence = precedence or Precedence()
        self._precedence.tell_when_over(self._resume)
        self._pace = TalkPace()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._turn: asyncio.Handle | None = None  # the next turn of the loop, if anybody needs it
        self._in_turn = 0  # let in during this turn of the loop
        self._looked_at = 0.0
        self._entered = 0  # since the last look

    def refuse_if_full(self) -> None:
        """Refuse `rate_limited` when too many wait. Cheap: asked before a comment is looked at."""
        if self._pace.too_many(len(self._waiting)):
            raise too_many()

    def surplus(self, unread: int) -> int:
        """How many of the messages unread in a socket to refuse now, before the next is let in.

        The oldest go first: what is said last is still worth hearing. Only so many at once, as the
        turn of the loop is everybody's, and none while somebody goes before the talk.
        """
        if self._precedence.active:
            return 0
        return min(REFUSED_AT_ONCE, self._pace.surplus(unread, len(self._waiting)))

    async def enter(self) -> None:
        """Return when it is one's turn. Refuses `rate_limited` when too many wait."""
        self._entered += 1
        if self._timer is None:
            self._look_again()
        if not self._waiting and self._is_open and self._pace.take():
            self._let_in()
            return
        self.refuse_if_full()
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        await turn

    @property
    def _is_open(self) -> bool:
        """Whether this turn of the loop has room for one more."""
        return self._in_turn < PER_TURN and not self._precedence.active

    def _let_in(self) -> None:
        """Count one for this turn, and have the next one begin anew."""
        self._in_turn += 1
        self._go_on()

    def _go_on(self) -> None:
        if self._turn is None:
            self._turn = asyncio.get_running_loop().call_soon(self._next_turn)

    def _resume(self) -> None:
        if self._waiting:
            self._go_on()

    def _next_turn(self) -> None:
        self._turn = None
        self._in_turn = 0
        while self._waiting and self._is_open:
            if self._waiting[0].done():  # they have hung up
                self._waiting.popleft()
            elif self._pace.take():
                self._waiting.popleft().set_result(None)
                self._let_in()
            else:
                return  # until the next look

    def _look_again(self) -> None:
        loop = asyncio.get_running_loop()
        self._looked_at = loop.time()
        self._timer = loop.call_later(STEP_S, self._look)

    def _look(self) -> None:
        passed_s = asyncio.get_running_loop().time() - self._looked_at
        self._pace.looked(late_s=passed_s - STEP_S, passed_s=passed_s)
        if self._turn is None:
            self._next_turn()
        self._send_away()
        self._timer = None
        if self._waiting or self._entered:
            self._entered = 0
            self._look_again()

    def _send_away(self) -> None:
        """Refuse those at the end who would now wait too long, for the pace has slowed since."""
        while self._waiting and self._pace.too_many(len(self._waiting) - 1):
            turn = self._waiting.pop()
            if not turn.done():
                turn.set_exception(too_many())


def too_many() -> CommandRefused:
    retry_ms = int(WAIT_S_MAX * 1_000)
    return CommandRefused("rate_limited", "too many are talking", retry_ms=retry_ms)
