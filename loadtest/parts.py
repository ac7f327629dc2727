"""A run spread over processes: the same three steps for a crowd here and for crowds elsewhere.

Only moves plans and results; what a crowd does is in crowd.py.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import signal
from collections.abc import MutableSequence
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any

import uvloop

from loadtest.crowd import Crowd, CrowdResult
from loadtest.gauge import Gauge
from loadtest.history import Position
from loadtest.plan import Plan

EXIT_WAIT_S = 5.0
FILES_BESIDES = 100  # pipes, HTTP connections and libraries of a process, besides its sockets


class RemotePart:
    """A crowd in a child process, told what to do over a pipe."""

    def __init__(self, plan: Plan) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self.gauge: MutableSequence[int] = context.RawArray("q", len(Gauge))
        arguments = (plan, other, self.gauge)
        self._process = context.Process(target=_serve, args=arguments, daemon=True)
        self._process.start()
        other.close()

    async def join(self) -> None:
        await self._call("join")

    async def run(self, begin_us: int) -> None:
        await self._call("run", begin_us)

    async def accepted(self) -> int:
        return int(await self._call("accepted"))

    async def settle(self, published: int, end: Position) -> CrowdResult:
        result = await self._call("settle", published, end)
        assert isinstance(result, CrowdResult)
        await asyncio.to_thread(self._process.join, EXIT_WAIT_S)
        return result

    async def _call(self, step: str, *arguments: object) -> Any:  # noqa: ANN401 (a pickled answer)
        self._pipe.send((step, arguments))
        answer = await asyncio.to_thread(self._pipe.recv)
        if isinstance(answer, Exception):
            raise answer
        return answer


class LocalPart:
    """A crowd in this process."""

    def __init__(self, plan: Plan, gauge: MutableSequence[int] | None = None) -> None:
        self.gauge: MutableSequence[int] = gauge if gauge is not None else [0] * len(Gauge)
        self._crowd = Crowd(plan, gauge=self.gauge)

    async def join(self) -> None:
        await self._crowd.join()

    async def run(self, begin_us: int) -> None:
        await self._crowd.run(begin_us)

    async def accepted(self) -> int:
        return self._crowd.result.accepted

    async def settle(self, published: int, end: Position) -> CrowdResult:
        return await self._crowd.settle(published, end)


def make_parts(plan: Plan) -> list[LocalPart | RemotePart]:
    """Raises OSError when the sockets of one process are more than it may have."""
    allow_files(len(plan.share(plan.viewers + plan.buyers)))  # processes started here inherit it
    if plan.parts == 1:
        return [LocalPart(plan)]
    return [RemotePart(replace(plan, part=part)) for part in range(plan.parts)]


def allow_files(sockets: int) -> None:
    """Raise this process' own limit on open files as far as it may; each socket is one.

    Raises OSError when that is not enough: a crowd that cannot be seated proves nothing.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = sockets + FILES_BESIDES
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise OSError(f"{sockets} sockets in one process, {hard} open files allowed: ulimit -n")
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _serve(plan: Plan, pipe: Connection, gauge: MutableSequence[int]) -> None:
    """The child's life: steps from the pipe until the result is handed over."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when we end
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_steps(plan, pipe, gauge))


async def _steps(plan: Plan, pipe: Connection, gauge: MutableSequence[int]) -> None:
    part = LocalPart(plan, gauge)
    while True:
        try:
            step, arguments = await asyncio.to_thread(pipe.recv)
        except EOFError:
            return
        try:
            answer = await getattr(part, step)(*arguments)
        except Exception as error:  # told to the parent, which ends the run
            answer = RuntimeError(f"{type(error).__name__}: {error}")
        pipe.send(answer)
        if step == "settle":
            return
