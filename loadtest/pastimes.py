"""What a simulated person does besides talking and buying: packets, polls, gifts and questions.

When people do it is persona.py's business.
"""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from loadtest.client import Viewer
from loadtest.corpus import QUESTIONS, Mood
from loadtest.scene import Scene

Act = Callable[[Viewer], Awaitable[object]]


class Habit(NamedTuple):
    """After how long people do it: the earliest, the latest and the usual second."""

    earliest_s: float
    latest_s: float
    usual_s: float


TAKING_PART = {
    Mood.RAIN: Habit(0.2, 9.0, 1.0),
    Mood.POLL: Habit(1.0, 18.0, 5.0),
    Mood.GIFT: Habit(1.0, 15.0, 6.0),
}


def plan(mood: Mood, detail: dict[str, Any], rng: random.Random) -> tuple[float, Act]:
    """When to take part in what has begun, and how. `mood` is one of TAKING_PART."""
    after_s = rng.triangular(*TAKING_PART[mood])
    if mood is Mood.RAIN:
        after_s += max(0.0, detail["open_ms"] / 1000 - time.time())
        return after_s, lambda viewer: viewer.command("rain.grab", rain_id=detail["rain_id"])
    if mood is Mood.GIFT:
        return after_s, lambda viewer: viewer.command("gift.claim", gift_id=detail["gift_id"])
    option = rng.randrange(len(detail["options"]))
    return after_s, lambda viewer: viewer.command(
        "poll.vote", poll_id=detail["poll_id"], option=option
    )


async def pass_time(viewer: Viewer, scene: Scene, rng: random.Random) -> None:
    """Something a person does now and then: share, ask, or want a question answered."""
    roll = rng.random()
    if roll < 0.25:
        await viewer.command("share.made", channel="link")
    elif roll < 0.4:
        await viewer.command("question.ask", text=rng.choice(QUESTIONS))
    elif scene.questions:
        wanted = rng.choice(scene.questions)
        await viewer.command("question.vote", question_id=wanted["question_id"])
