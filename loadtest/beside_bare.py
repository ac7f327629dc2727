"""A whole liveroom with one worker and, beside it, aiohttp doing nothing, for the same clients.

What the benchmarks of the doors and of the room share: both servers, people with tokens, a room,
and one turn of clients that ask until there are no more questions.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from loadtest.api import LiveroomApi
from loadtest.bench_parts import Round, Watch
from loadtest.lean import Asker, Questions, SocketAsker, Tally, open_socket
from loadtest.own_server import OwnServer, free_port
from loadtest.stage import Stage

NO_CONNECTION_LIMIT = {"LIVEROOM_COMMANDS_PER_CONNECTION_PER_S": "0"}
OPEN_TRIES = 200
OPEN_PAUSE_S = 0.05


class BesideBare:
    """Use as an async context manager; then `api`, `stage` (with `room` open) and `tokens` are
    there."""

    def __init__(
        self, room: str, people: Sequence[str], environment: Mapping[str, str] = NO_CONNECTION_LIMIT
    ) -> None:
        self._room, self._people, self._environment = room, people, environment
        self._stack = AsyncExitStack()
        self._server: OwnServer
        self._bare: asyncio.subprocess.Process
        self.bare_port = free_port()
        self.api: LiveroomApi
        self.stage: Stage
        self.tokens: list[str] = []

    async def __aenter__(self) -> Self:
        enter = self._stack.enter_async_context
        self._server = await enter(OwnServer(workers=1, environment=self._environment))
        self.api = await enter(LiveroomApi(self._server.url, jwt_secret=self._server.jwt_secret))
        host = await self.api.person("bench-host", role="host")
        self.stage = Stage(self.api, self._room, token=host.token)
        await self.stage.open()
        self.tokens = [(await self.api.person(name)).token for name in self._people]
        self._bare = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "loadtest.bare_server", str(self.bare_port)
        )
        await until_open(self.bare_port)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._bare.terminate()
        await self._bare.wait()
        self.stage.viewer.leave()
        await self._stack.aclose()

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def pids(self) -> dict[str, int]:
        """What works for a request to liveroom."""
        return {"worker": self._server.worker_pids()[0], "redis": self._server.redis_pid() or 0}

    @property
    def bare_pids(self) -> dict[str, int]:
        return {"worker": self._bare.pid}

    async def bare_socket(self) -> SocketAsker:
        """A socket whose every frame comes back."""
        return await open_socket(self.bare_port, "/echo", good=b'"op"', begins=b'{"id":')


async def ask_all(askers: Sequence[Asker], questions: Questions, pids: Mapping[str, int]) -> Round:
    """One turn: whoever has an answer asks the next question, until there are no more."""
    tally, watch = Tally(), Watch(generator=os.getpid(), **pids)
    await asyncio.gather(*(asker.start(questions, tally) for asker in askers))
    took_s, cpu = watch.stop()
    for asker in askers:
        asker.transport.close()
    wrong = tuple(answer.decode(errors="replace") for answer in tally.bad)
    return Round(tally.good, took_s, cpu, tally.latency.summary_ms(), wrong)


async def until_open(port: int) -> None:
    """Return once somebody listens there."""
    for _ in range(OPEN_TRIES):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(OPEN_PAUSE_S)
        else:
            writer.close()
            return
    raise ConnectionError("the bare server did not start")
