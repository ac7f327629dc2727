"""The lighter points of the simulated host's programme: red packets, polls, gifts and answers.

When it is time for one, and that people's own acts come first, is director.py's business.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from loadtest.corpus import GIFTS, POLLS
from loadtest.scene import Scene

RAIN_CENTS = 8_800
RAIN_PACKETS = 40
RAIN_S = 12
RAIN_COUNTDOWN_S = 5
POLL_S = 25
GIFT_QUOTA = 20
GIFT_MS = 30_000

Point = tuple[Callable[[], Awaitable[bool]], float, float]


class Command(Protocol):
    """Sends one command and waits for its answer."""

    def __call__(self, op: str, **params: object) -> Awaitable[dict[str, Any]]: ...


class Interludes:
    """Each method is one point; it answers whether it fitted."""

    def __init__(
        self,
        command: Command,
        remember: Callable[[str, str], None],
        scene: Scene,
        rng: random.Random,
    ) -> None:
        self._command, self._remember = command, remember
        self._scene, self._rng = scene, rng

    def programme(self) -> tuple[Point, ...]:
        """Each point with when it is first due and how often it comes, in seconds."""
        return (
            (self._rain, 66.0, 150.0),
            (self._poll, 52.0, 110.0),
            (self._gift, 92.0, 170.0),
            (self._answer, 40.0, 45.0),
        )

    async def _rain(self) -> bool:
        self._remember("rain.started", str(RAIN_CENTS))
        await self._command(
            "rain.start",
            total_cents=RAIN_CENTS,
            count=RAIN_PACKETS,
            seconds=RAIN_S,
            starts_in_s=RAIN_COUNTDOWN_S,
        )
        return True

    async def _poll(self) -> bool:
        question, options = self._rng.choice(POLLS)
        self._remember("poll.opened", question)
        await self._command("poll.open", question=question, options=options, close_s=POLL_S)
        return True

    async def _gift(self) -> bool:
        title = self._rng.choice(GIFTS)
        self._remember("gift.opened", title)
        await self._command("gift.open", title=title, quota=GIFT_QUOTA, close_ms=GIFT_MS)
        return True

    async def _answer(self) -> bool:
        if not self._scene.questions:
            return False
        wanted = self._scene.questions[0]
        self._remember("question.answered", wanted["question_id"])
        await self._command("question.answer", question_id=wanted["question_id"])
        return True


# What of an event a host would remember having done.
INTERLUDES: dict[str, Callable[[dict[str, Any]], tuple[str, str]]] = {
    "rain.started": lambda d: ("rain.started", str(d["rain"]["total_cents"])),
    "poll.opened": lambda d: ("poll.opened", d["poll"]["question"]),
    "gift.opened": lambda d: ("gift.opened", d["gift"]["title"]),
    "question.answered": lambda d: ("question.answered", d["question_id"]),
}
