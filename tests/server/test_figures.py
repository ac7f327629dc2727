"""Numbers are worked out once for all who ask in one moment."""

from __future__ import annotations

import asyncio

import pytest

from server.figures import AGE_MS_MAX, Figures


class Worker:
    """Counts how often it worked."""

    def __init__(self) -> None:
        self.now_ms = 0
        self.worked = 0
        self.fails = False

    async def __call__(self) -> dict[str, int]:
        self.worked += 1
        worked = self.worked
        await asyncio.sleep(0)
        if self.fails:
            raise OSError("away")
        return {"worked": worked}


async def test_those_who_ask_together_share_one_answer() -> None:
    work = Worker()
    figures = Figures(lambda: work.now_ms)
    answers = await asyncio.gather(*(figures.of("r", work) for _ in range(5)))
    assert {answer["worked"] for answer in answers} == {1}
    assert (await figures.of("other", work))["worked"] == 2


async def test_an_answer_is_never_older_than_promised() -> None:
    work = Worker()
    figures = Figures(lambda: work.now_ms)
    assert (await figures.of("r", work))["worked"] == 1
    work.now_ms += AGE_MS_MAX
    assert (await figures.of("r", work))["worked"] == 1
    work.now_ms += 1
    assert (await figures.of("r", work))["worked"] == 2


async def test_a_failure_is_not_remembered() -> None:
    work = Worker()
    figures = Figures(lambda: work.now_ms)
    work.fails = True
    with pytest.raises(OSError, match="away"):
        await figures.of("r", work)
    work.fails = False
    assert (await figures.of("r", work))["worked"] == 2
