"""A tick on its way to many sockets: in parts, each socket once, in order, to the last byte."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator

import pytest

import server.ticker
from loadtest.frames import FrameReader
from room.ports import Stored
from room.replica import Replica
from server.chat_choice import choose_chat
from server.delivery import ROWS
from server.fanout import LiveRoom
from server.outbox import ChatItem
from server.precedence import Precedence
from server.rate_limit import TokenBucket
from server.telemetry import Metrics
from server.ticker import VIEWERS_BEHIND, VIEWERS_PER_STEP, Ticker
from server.tokens import Identity
from server.viewer import Viewer
from server.wire import Codec
from tests.room.people import NOW_MS, a_room
from tests.waiting import until_async


class Seat:
    """A viewer and the other end of its socket."""

    def __init__(self, viewer: Viewer, end: socket.socket) -> None:
        self.viewer = viewer
        self.end = end
        self._reader = FrameReader()
        self.messages: list[bytes] = []

    def read(self) -> list[bytes]:
        """Every message that has arrived by now."""
        try:
            while data := self.end.recv(1 << 20):
                self.messages += [bytes(payload) for _, payload in self._reader.feed(data)]
        except BlockingIOError:
            pass
        return self.messages


class House:
    """One room with a ticker, and sockets to sit on."""

    def __init__(self) -> None:
        self.now_ms = NOW_MS
        self.precedence = Precedence(lambda: 0.0)
        self.ticker = Ticker(lambda: self.now_ms, Metrics("w"), self.precedence)
        self.room = LiveRoom(
            "r",
            Replica(Stored("e1-x", 0, a_room())),
            choose=choose_chat,
            close=lambda viewer, code: None,
            stamp=self.ticker.stamp(),
        )
        self._open: list[socket.socket | asyncio.BaseTransport] = []

    async def seat(self, codec: Codec = Codec.JSON) -> Seat:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
        self._open += [transport, theirs]
        viewer = Viewer(Identity.guest("g"), transport, codec, NOW_MS, TokenBucket(0, 1, NOW_MS))
        self.room.add(viewer)
        return Seat(viewer, theirs)

    def say(self, text: str) -> None:
        raw = b'{"t":"comment","ts":1,"d":{"id":"%s"}}' % text.encode()
        self.room.hear(ChatItem("comment", "u", "viewer", raw))
        self.now_ms += 1_000
        self.ticker.wake(self.room)

    def close(self) -> None:
        for each in self._open:
            each.close()


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    yield house
    house.close()


def told(seats: list[Seat], text: str) -> int:
    """How many have heard something."""
    return sum(any(text.encode() in message for message in seat.read()) for seat in seats)


async def test_a_large_room_is_told_in_parts_and_others_have_their_turn(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two parts the loop does what else there is; in the end all know it, once."""
    monkeypatch.setattr(server.ticker, "FLUSH_S_MAX", 0.0)
    seats = [await house.seat() for _ in range(3 * VIEWERS_PER_STEP)]
    house.say("first")
    counts = []
    for _ in range(8):
        await asyncio.sleep(0)
        counts.append(told(seats, "first"))
    assert VIEWERS_PER_STEP in counts
    assert counts[-1] == len(seats)
    assert [len(seat.messages) for seat in seats] == [1] * len(seats)


async def test_a_turn_writes_to_few_while_somebody_buys(house: House) -> None:
    """However quick the writes are; and everybody is told in the end."""
    seats = [await house.seat() for _ in range(4 * VIEWERS_BEHIND)]
    house.say("first")
    counts = []
    with house.precedence:
        while told(seats, "first") < 3 * VIEWERS_BEHIND:
            await asyncio.sleep(0)
            counts.append(told(seats, "first"))
    assert counts[:3] == [VIEWERS_BEHIND, 2 * VIEWERS_BEHIND, 3 * VIEWERS_BEHIND]
    await until_async(lambda: told(seats, "first") == len(seats))
    assert [len(seat.messages) for seat in seats] == [1] * len(seats)


async def test_what_follows_at_once_does_not_overtake_a_tick_on_its_way(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.ticker, "FLUSH_S_MAX", 0.0)
    seats = [await house.seat() for _ in range(2 * VIEWERS_PER_STEP)]
    house.say("first")
    await asyncio.sleep(0)
    assert 0 < told(seats, "first") < len(seats)
    house.say("second")
    house.ticker.flush_now(house.room)
    assert told(seats, "second") == len(seats)
    assert all(b"first" in seat.messages[0] for seat in seats)
    assert all(b"second" in seat.messages[1] for seat in seats)


async def test_who_leaves_meanwhile_is_written_nothing_and_who_comes_later_gets_it_not(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newcomer was greeted with what the tick told."""
    monkeypatch.setattr(server.ticker, "FLUSH_S_MAX", 0.0)
    seats = [await house.seat() for _ in range(2 * VIEWERS_PER_STEP)]
    house.say("first")
    await asyncio.sleep(0)
    (untold, *_) = [seat for seat in seats if not seat.read()]
    house.room.remove(untold.viewer)
    newcomer = await house.seat()
    await until_async(lambda: told(seats, "first") == len(seats) - 1)
    assert untold.read() == []
    assert newcomer.read() == []


async def test_a_frame_the_kernel_takes_only_in_part_arrives_whole(house: House) -> None:
    """The rest goes through the transport, and what comes then is behind it."""
    seat, other = await house.seat(), await house.seat(Codec.MSGPACK)
    ours = seat.viewer.transport.get_extra_info("socket")
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    house.room.tell_state("likes", "x" * 500_000)
    house.ticker.flush_now(house.room)
    assert seat.viewer.transport.get_write_buffer_size() > 0
    await until_async(lambda: len(seat.read()) == len(other.read()) == 1)
    assert len(seat.messages[0]) > 500_000
    house.say("after")
    await until_async(lambda: told([seat, other], "after") == 2)
    assert b"after" in seat.messages[1]


def flush(house: House, text: str, *, everybody: bool) -> None:
    house.room.hear(
        ChatItem("comment", "u", "viewer", b'{"t":"comment","id":"%s"}' % text.encode())
    )
    house.now_ms += 50
    house.room.flush(house.now_ms, house.ticker.stamp(), everybody=everybody)


async def test_row_by_row_each_is_told_all_that_was_said_since_its_turn(house: House) -> None:
    """In one write, in order, and nobody waits longer than for the other rows."""
    seats = [await house.seat() for _ in range(3 * ROWS)]
    for number in range(ROWS):
        flush(house, f"word-{number}", everybody=False)
        assert told(seats, "word-0") == 3 * (number + 1)
    assert house.room.rows.behind
    house.room.finish()
    for seat in seats:
        texts = [message.split(b'"word-')[1][:1] for message in seat.read()]
        assert texts == [b"%d" % number for number in range(ROWS)]


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_happens_between_each_tick_reaches_each_seat_once_and_in_order(
    house: House, seed: int
) -> None:
    """Rows, everybody, parts, newcomers, leavers, sockets that owe: in any order."""
    chance = random.Random(seed)
    seats: list[tuple[Seat, int]] = []  # and the first tick after it came
    said = 0
    for _ in range(120):
        match chance.randrange(7):
            case 0:
                seats.append((await house.seat(), said))
            case 1 if seats:
                left, first = seats.pop(chance.randrange(len(seats)))
                house.room.remove(left.viewer)
                check(left, range(first, said), whole=False)
            case 2 if seats:
                owing = chance.choice(seats)[0].viewer
                owing.miss({"notice": 1})
                house.room._owing.add(owing)
            case 3:
                house.room.rows.serve(everybody=False, viewers_max=chance.randrange(1, 5))
            case 4:
                house.room.repay(house.ticker.stamp())
            case _:
                flush(house, f"word-{said}-", everybody=chance.random() < 0.2)
                said += 1
    house.room.finish()
    for seat, first in seats:
        check(seat, range(first, said), whole=True)
        assert not seat.viewer.owed


def check(seat: Seat, ticks: range, *, whole: bool) -> None:
    """What a seat heard is these ticks; of one that left, a beginning of them."""
    heard = [int(m.split(b'"word-')[1].split(b"-")[0]) for m in seat.read() if b'"word-' in m]
    assert heard == list(ticks)[: None if whole else len(heard)]


async def test_with_nothing_more_to_say_the_other_rows_are_told_too(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large room whose ticks are long: one row at once, the rest a quarter of a tick each."""
    monkeypatch.setattr(server.ticker, "IN_ROWS_VIEWERS_MIN", ROWS)
    seats = [await house.seat() for _ in range(ROWS)]
    house.ticker.tick_ms = server.ticker.TICK_MS_MAX
    house.say("first")
    await asyncio.sleep(0)
    assert told(seats, "first") == 1
    await until_async(lambda: told(seats, "first") == ROWS)
    assert [len(seat.messages) for seat in seats] == [1] * ROWS


async def test_where_turns_are_long_a_turn_writes_to_more(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a room would be told in as many long turns as it has parts."""
    monkeypatch.setattr(server.ticker, "FLUSH_S_MAX", 0.0)
    seats = [await house.seat() for _ in range(4 * VIEWERS_PER_STEP)]
    house.say("first")
    await asyncio.sleep(0)
    assert told(seats, "first") == VIEWERS_PER_STEP
    house.ticker._part_ended_s -= 1_000.0  # the turn that ends now seems as long
    await asyncio.sleep(0)
    assert told(seats, "first") == len(seats)
