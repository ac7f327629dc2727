"""The lively simulated audience of the demo: people who come and go, and a simulated host.

    python -m loadtest.audience --url http://127.0.0.1:8000 --room demo --host-token TOKEN

Made to be looked at, not to measure with (see swarm.py). Bounded in its rates, survives restarts
of the server, and ends with its parent.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import signal
import time

from loadtest.api import LiveroomApi
from loadtest.client import Address, Viewer
from loadtest.corpus import NAMES
from loadtest.director import Director
from loadtest.messages import Message, MessageCache
from loadtest.persona import NETWORK_ERRORS, REFUSALS, Persona
from loadtest.scene import Scene

VIEWERS_MAX = 500  # one page cannot show more being lively; measure with the swarm instead
ARRIVAL_S = 8.0  # the first visitors drop in over this
AWAY_S = (6.0, 45.0)
STAY_S = (70.0, 600.0)
RETRY_S = (0.5, 5.0)  # first and longest pause before knocking again
PARENT_CHECK_S = 1.0
STOCK_PER_VIEWER = 0.4  # a small sale ends sold out, but not before a visitor finds the button


class Audience:
    """Everyone who is simulated in one room."""

    def __init__(
        self, url: str, room: str, *, host_token: str | None, viewers: int, rng: random.Random
    ) -> None:
        self.address = Address.of(url, room)
        self.api = LiveroomApi(url)
        self.scene = Scene()
        self.rng = rng
        self.messages = MessageCache()
        self.people = [self._persona(number) for number in range(min(viewers, VIEWERS_MAX))]
        self.host = Viewer(
            self.address,
            name="host",
            token=host_token,
            messages=self.messages,
            on_message=self._hear,
            on_lost=lambda viewer, code: self._host_gone.set(),
        )
        self._host_gone = asyncio.Event()
        self._host_there = asyncio.Event()
        stock = max(6, int(len(self.people) * STOCK_PER_VIEWER))
        self.director = Director(self.host, self.scene, stock=stock, rng=rng)

    def _persona(self, number: int) -> Persona:
        name = NAMES[number % len(NAMES)]
        if number >= len(NAMES):
            name = f"{name} {number // len(NAMES) + 1}"
        return Persona(
            address=self.address,
            api=self.api,
            user_id=f"sim-{number}",
            name=name,
            scene=self.scene,
            messages=self.messages,
            rng=random.Random(self.rng.random()),
        )

    def _hear(self, viewer: Viewer, message: Message) -> None:
        """The host's ears are everyone's: people react to what the host's connection hears."""
        for event in message.events:
            self.director.notice(event)
            spark = self.scene.take_event(event)
            if spark is not None:
                for persona in self.people:
                    persona.react(spark)
        # After the events: they strike a spark by how they differ from the state before.
        if "st" in message.body:
            self.scene.take_state(message.body["st"])

    async def run(self) -> None:
        """Until cancelled."""
        async with self.api, asyncio.TaskGroup() as group:
            group.create_task(self._keep_host())
            group.create_task(self._direct())
            for persona in self.people:
                group.create_task(self._live(persona))

    async def _keep_host(self) -> None:
        """The host's connection, made again whenever it is lost."""
        pause_s = RETRY_S[0]
        while True:
            self._host_gone.clear()
            try:
                if self.host.token is None:
                    host = await self.api.person("sim-host", name="主播小林", role="host")
                    self.host.token = host.token
                await self.api.ensure_room(
                    self.address.room, title="今晚好物 · Tonight's picks", token=self.host.token
                )
                self.scene.enter(await self.host.connect(resume=False))
            except (*NETWORK_ERRORS, *REFUSALS) as error:
                print(f"audience: host not connected ({error}), trying again", flush=True)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, RETRY_S[1])
                continue
            pause_s = RETRY_S[0]
            self._host_there.set()
            await self._host_gone.wait()

    async def _direct(self) -> None:
        await self._host_there.wait()
        await self.director.run()

    async def _live(self, persona: Persona) -> None:
        """One person's evening: visits of some minutes with pauses between."""
        rng = persona.rng
        await asyncio.sleep(rng.uniform(0, ARRIVAL_S))
        while True:
            began = time.monotonic()
            with contextlib.suppress(*NETWORK_ERRORS, *REFUSALS):
                await persona.visit(rng.uniform(*STAY_S))
            stayed = time.monotonic() - began > STAY_S[0]
            await asyncio.sleep(rng.uniform(*(AWAY_S if stayed else RETRY_S)))


async def _until_orphaned(parent: int) -> None:
    """Returns once the process that started us is gone."""
    while os.getppid() == parent:  # noqa: ASYNC110 (the kernel tells nobody)
        await asyncio.sleep(PARENT_CHECK_S)


async def play(audience: Audience, *, minutes: float | None) -> None:
    """Run the audience until its time is over, a signal comes or the parent is gone."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    show = loop.create_task(audience.run())
    ends = [
        show,
        loop.create_task(_until_orphaned(os.getppid())),
        loop.create_task(stopped.wait()),
    ]
    limit_s = None if minutes is None else minutes * 60
    await asyncio.wait(ends, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
    for task in ends:
        task.cancel()
    outcomes = await asyncio.gather(*ends, return_exceptions=True)
    if isinstance(outcomes[0], Exception):
        raise outcomes[0]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.audience", description="The simulated audience of a demo room."
    )
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--room", default="demo")
    parser.add_argument("--host-token", default=os.environ.get("LIVEROOM_HOST_TOKEN"))
    parser.add_argument("--viewers", type=int, default=60, help=f"at most {VIEWERS_MAX}")
    parser.add_argument("--minutes", type=float, help="stop by itself after this long")
    parser.add_argument("--seed", type=int, default=None)
    return parser.parse_args()


def main() -> None:
    given = _arguments()
    rng = random.Random(given.seed)

    async def show() -> None:
        audience = Audience(
            given.url, given.room, host_token=given.host_token, viewers=given.viewers, rng=rng
        )
        await play(audience, minutes=given.minutes)

    asyncio.run(show())


if __name__ == "__main__":
    main()
