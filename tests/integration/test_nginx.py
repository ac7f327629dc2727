"""A real nginx with the shipped site in front: any number of viewers is one request a tick."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from loadtest.own_nginx import OwnNginx
from loadtest.parts import allow_files
from tests.integration.house import House, Place
from tests.integration.reader import Reader
from tests.integration.test_ticks import metric, opened
from tests.integration.visitor import connect
from tests.waiting import until_async

TICKS_READ = 3
CROWD = 1_100  # nginx counts the uses of a key in ten bits
HELD, MARKER = "/v1/rooms/r/ticks/1", "/v1/rooms/r/ticks/2"


@pytest.fixture
async def place(house: House) -> Place:
    return await opened(house)


@pytest.fixture
async def nginx(place: Place) -> AsyncIterator[OwnNginx]:
    async with OwnNginx([place.worker.settings.port]) as running:
        yield running


@pytest.fixture
async def crowd() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield session


def asked(place: Place) -> float:
    """Requests for ticks that reached the server."""
    return metric(place.worker, "tick_requests_total")


async def watch(readers: list[Reader], until_seq: int) -> None:
    await asyncio.gather(*(reader.until_seq(until_seq) for reader in readers))


async def test_the_server_is_asked_once_a_tick_however_many_watch(
    place: Place, nginx: OwnNginx, crowd: aiohttp.ClientSession
) -> None:
    """A hundred and three hundred viewers: every critical event, in order, at the same cost."""
    costs = []
    for viewers in (100, 300):
        before = asked(place)
        readers = [Reader(crowd, nginx.url, place.room_id) for _ in range(viewers)]
        await asyncio.gather(*(reader.begin() for reader in readers))
        first = min(reader.next for reader in readers)
        seq = readers[0].seq
        told = []
        for number in range(TICKS_READ):
            text = f"{viewers}.{number}"
            await place.do("announce", text=text)
            told.append(text)
            await watch(readers, seq + number + 1)
        for reader in readers:
            assert [announced["text"] for announced in reader.of("announcement")] == told
        numbers = max(reader.next for reader in readers) - first
        costs.append((asked(place) - before, numbers))
    for requests, numbers in costs:
        assert requests == numbers  # one for each tick that anybody read, not one more


async def test_a_viewer_who_leaves_takes_nobody_along(
    place: Place, nginx: OwnNginx, crowd: aiohttp.ClientSession
) -> None:
    """The request that the others wait for is the leaver's: it is answered all the same."""
    reader = await Reader(crowd, nginx.url, place.room_id).begin()
    before, later = asked(place), f"{reader.ticks_url}/{reader.next + 2}"
    leaver = asyncio.create_task(reader.get(later))
    await until_async(lambda: asked(place) == before + 1)
    others = [asyncio.create_task(reader.get(later)) for _ in range(20)]
    leaver.cancel()
    answers = await asyncio.gather(*others)
    assert {status for status, _ in answers} == {200}
    assert asked(place) == before + 1


async def test_a_crowd_that_is_turned_away_is_one_question_a_second(
    place: Place, nginx: OwnNginx, crowd: aiohttp.ClientSession
) -> None:
    """Far ahead, with whatever query and token: nobody can ask past the cache."""
    reader = await Reader(crowd, nginx.url, place.room_id).begin()
    before = asked(place)
    url = f"{reader.ticks_url}/{reader.next + 5_000}"
    answers = await asyncio.gather(*(reader.get(f"{url}?x={n}") for n in range(40)))
    assert {status for status, _ in answers} == {404}
    assert asked(place) - before <= 8  # one each second, however long this takes


async def test_sockets_and_commands_go_through_beside_it(
    place: Place, nginx: OwnNginx, crowd: aiohttp.ClientSession
) -> None:
    """One site carries both kinds of viewers, who hear each other."""
    url = f"{nginx.url}/v1/rooms/{place.room_id}"
    viewer = await connect(crowd, f"{url}/ws", "json", {})
    await viewer.hello(place.token("ann"))
    reader = await Reader(crowd, nginx.url, place.room_id).begin()
    command = {"id": 1, "op": "comment.send", "text": "over HTTP"}
    headers = place.bearer("bob", "viewer")
    async with crowd.post(f"{url}/commands", json=command, headers=headers) as answer:
        assert answer.status == 200
    await viewer.do("comment.send", text="over a socket")
    await viewer.until(lambda: len(viewer.texts) == 2)
    while len(reader.of("comment")) < 2:
        await reader.step()
    assert [comment["text"] for comment in reader.of("comment")] == viewer.texts
    await viewer.leave()


class SlowOrigin:
    """Stands for a server whose next tick is yet to be made: it answers only when let."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.may_answer = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append((await reader.readline()).decode().split()[1])
        await self.may_answer.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nCache-Control: public, max-age=60\r\n")
        writer.write(b"Connection: close\r\nContent-Length: 2\r\n\r\n{}")
        await writer.drain()
        writer.close()


@asynccontextmanager
async def slow_origin() -> AsyncIterator[tuple[SlowOrigin, int]]:
    """One on a port of its own; who is connected at the end is let go with the server."""
    origin = SlowOrigin()
    server = await asyncio.start_server(origin.serve, "127.0.0.1", 0)
    try:
        yield origin, server.sockets[0].getsockname()[1]
    finally:
        server.close()


Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def ask(port: int, path: str) -> Line:
    """Send a question; its answer comes on this line, which a forgotten writer would close."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: r\r\nConnection: close\r\n\r\n".encode())
    return reader, writer


async def test_a_crowd_beyond_the_caches_counter_is_one_question_too() -> None:
    """More than a thousand wait for one tick: none of them is sent past the cache."""
    allow_files(2 * CROWD)
    async with slow_origin() as (origin, port), OwnNginx([port], files_max=4 * CROWD) as nginx:
        waiting = [await ask(nginx.port, HELD) for _ in range(CROWD)]
        waiting.append(await ask(nginx.port, MARKER))  # is read after all the others
        await until_async(lambda: MARKER in origin.asked)
        assert origin.asked == [HELD, MARKER]
        origin.may_answer.set()
        answers = await asyncio.gather(*(reader.read() for reader, _ in waiting))
        assert {answer.split(b"\r\n", 1)[0] for answer in answers} == {b"HTTP/1.1 200 OK"}
        assert origin.asked == [HELD, MARKER]
