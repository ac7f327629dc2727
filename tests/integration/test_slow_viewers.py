"""Readers that do not keep up: they get everything, or a code to come back with; nobody waits."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import orjson
import pytest

import server.gateway
from loadtest import frames
from server.viewer import OUTBOX_BYTES_MAX, Viewer
from tests.integration.house import Place
from tests.integration.raw_socket import RawSocket, enter
from tests.waiting import until_async

RECEIVE_BUFFER_BYTES = 4096  # what the kernel holds for a reader who does not read
FAMILY = "👨\u200d👩\u200d👧\u200d👦"  # 25 bytes that count as one character
LONG_TEXT = FAMILY * 280  # an announcement of 7 KB


class StalledReader:
    """A viewer whose socket holds little and is read only when the test says so."""

    def __init__(self, raw: RawSocket, viewer: Viewer) -> None:
        self.raw = raw
        self.viewer = viewer

    @property
    def unsent(self) -> int:
        return self.viewer.transport.get_write_buffer_size()

    async def rest(self) -> tuple[list[dict[str, Any]], int]:
        """Every message that still arrives, and the close code (0: the socket stays open)."""
        messages: list[dict[str, Any]] = []
        while True:
            try:
                async with asyncio.timeout(1.0):
                    opcode, payload = await self.raw.frame()
            except TimeoutError:
                return messages, 0
            except (EOFError, ConnectionError):
                return messages, 1006
            if opcode == frames.CLOSE:
                return messages, frames.read_close(payload)[0]
            messages.append(orjson.loads(payload))


async def stalled(place: Place, monkeypatch: pytest.MonkeyPatch, sub: str) -> StalledReader:
    connect = asyncio.open_connection

    async def narrow(host: str, port: int) -> Any:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (host, port))
        return await connect(sock=sock, limit=RECEIVE_BUFFER_BYTES)

    with monkeypatch.context() as patched:
        patched.setattr(asyncio, "open_connection", narrow)
        raw = await enter(place.url, place.room_id, place.token(sub))
    (viewer,) = place.live.by_user[sub]
    return StalledReader(raw, viewer)


async def shout(place: Place, times: int) -> None:
    for number in range(times):
        await place.do("announce", text=f"{number} {LONG_TEXT}")


def seqs(messages: list[dict[str, Any]]) -> list[int]:
    return [e["seq"] for message in messages for e in message.get("ev", ()) if "seq" in e]


async def test_who_is_a_little_behind_gets_everything(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All critical events in order, the state as it is in the end, and the drops told."""
    slow, witness = await stalled(place, monkeypatch, "slow"), await place.enter()
    await shout(place, 18)
    talker = await place.enter("talker", "assistant")
    for number in range(5):
        await talker.do("comment.send", text=f"{number}")
    await witness.until(lambda: len(witness.of("comment")) == 5)
    assert 0 < slow.unsent <= OUTBOX_BYTES_MAX
    messages, code = await slow.rest()
    assert code == 0
    assert seqs(messages) == list(range(1, 19))
    state: dict[str, Any] = {}
    comments = dropped = 0
    for message in messages:
        state.update(message.get("st", {}))
        comments += sum(event["t"] == "comment" for event in message.get("ev", ()))
        dropped += message.get("drop", {}).get("comment", 0)
    assert state["room"] == witness.state["room"]
    assert comments + dropped == 5
    slow.raw.end()


async def test_who_is_too_far_behind_is_told_to_come_back(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """4008 behind an unbroken sequence; coming back recovers the rest. Others notice nothing."""
    slow, witness = await stalled(place, monkeypatch, "slow"), await place.enter()
    epoch = place.live.replica.epoch
    most = 0
    for number in range(120):
        await place.do("announce", text=f"{number} {LONG_TEXT}")
        most = max(most, slow.unsent)
        if slow.viewer.closing:
            break
    assert slow.viewer.closing
    assert most <= OUTBOX_BYTES_MAX + 64 * 1024
    await witness.until(lambda: witness.seq == place.live.replica.seq)
    messages, code = await slow.rest()
    assert code == 4008
    got = seqs(messages)
    assert got == list(range(1, len(got) + 1))
    again = await place.enter("slow", resume={"epoch": epoch, "seq": len(got)})
    assert again.welcome["recovered"] is True
    assert [e["seq"] for e in again.criticals] == list(range(len(got) + 1, witness.seq + 1))
    assert again.state["room"] == witness.state["room"]


async def test_who_never_reads_again_is_cut(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The close frame cannot leave either: the socket is ended for him."""
    monkeypatch.setattr(server.gateway, "CLOSE_WITHIN_S", 0.2)
    slow = await stalled(place, monkeypatch, "slow")
    while not slow.viewer.closing:
        await place.do("announce", text=LONG_TEXT)
    await until_async(lambda: "slow" not in place.live.by_user, 5)
    assert slow.viewer not in place.worker.gateway.sockets
    slow.raw.end()


async def test_a_crowd_that_never_reads_costs_a_bounded_memory(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifty of them, and the one who reads gets each event promptly."""
    crowd = [await stalled(place, monkeypatch, f"slow{n}") for n in range(50)]
    witness = await place.enter()
    loop = asyncio.get_running_loop()
    for number in range(1, 40):
        sent = loop.time()
        await place.do("announce", text=LONG_TEXT)
        await witness.until(lambda wanted=number: witness.seq >= wanted)
        assert loop.time() - sent < 2
        assert all(slow.unsent <= OUTBOX_BYTES_MAX + 64 * 1024 for slow in crowd)
    for slow in crowd:
        slow.raw.end()


async def test_answers_that_nobody_reads_are_bounded_too(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asking costs nothing, so who asks without reading the answers is closed."""
    slow = await stalled(place, monkeypatch, "slow")
    frame = orjson.dumps([{"id": n, "op": "nonsense"} for n in range(32)])
    most = 0
    for _ in range(3_000):
        if slow.viewer.closing or slow.raw.writer.is_closing():
            break
        slow.raw.send(frames.TEXT, frame)
        await asyncio.sleep(0)
        most = max(most, slow.unsent)
    await until_async(lambda: slow.viewer.closing, 5)
    assert most <= OUTBOX_BYTES_MAX + 64 * 1024
    slow.raw.end()


async def test_a_large_frame_arrives_whole_through_a_small_socket(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A snapshot far larger than the socket's buffers, read in sips."""
    image = "/" + "x" * 490
    for number in range(90):
        product = f"p{number}"
        await place.do(
            "product.put", product_id=product, title="好" * 120, price_cents=1, image=image
        )
        await place.do("card.show", product_id=product)
    slow = await stalled(place, monkeypatch, "sipping")
    assert len(orjson.dumps(slow.raw.welcome)) > 90_000
    slow.raw.send_text({"id": 2, "op": "ping"})
    await place.do("announce", text="after the snapshot")
    messages, code = await slow.rest()
    assert code == 0
    assert seqs(messages) == list(range(slow.raw.welcome["seq"] + 1, 182))
    assert [reply["id"] for m in messages for reply in m.get("re", ())] == [2]
    slow.raw.end()
