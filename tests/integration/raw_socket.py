"""A WebSocket client that sends whatever bytes a test wants, right or wrong."""

from __future__ import annotations

import asyncio
import os
from typing import Any
from urllib.parse import urlsplit

import orjson

from loadtest import frames

PATIENCE_S = 10.0


class RawSocket:
    """An upgraded connection; frames are made by the test."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._frames = frames.FrameReader()
        self._arrived: list[frames.Frame] = []
        self.welcome: dict[str, Any] = {}

    def send(self, opcode: int, payload: bytes) -> None:
        self.writer.write(frames.masked_frame(opcode, payload, os.urandom(4)))

    def send_text(self, message: Any) -> None:
        self.send(frames.TEXT, orjson.dumps(message))

    def send_bytes(self, raw: bytes) -> None:
        """Bytes as they are, without a frame around them."""
        self.writer.write(raw)

    async def frame(self) -> frames.Frame:
        """The next frame of the server; raises EOFError at the end of the stream."""
        async with asyncio.timeout(PATIENCE_S):
            while not self._arrived:
                read = await self.reader.read(65_536)
                if not read:
                    raise EOFError
                self._arrived.extend(self._frames.feed(read))
        return self._arrived.pop(0)

    async def close_code(self) -> int:
        """The code of the close frame, other frames read past; 1006 when there was none."""
        try:
            while True:
                opcode, payload = await self.frame()
                if opcode == frames.CLOSE:
                    return frames.read_close(payload)[0]
        except (EOFError, ConnectionError):
            return 1006

    def end(self) -> None:
        self.writer.transport.abort()


async def upgrade(url: str, room_id: str, *, codec: str = "json") -> RawSocket:
    """Connect and upgrade; the server must agree."""
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    request = frames.handshake_request(
        where.netloc,
        f"/v1/rooms/{room_id}/ws",
        "dGhlIHNhbXBsZSBub25jZQ==",
        subprotocol=f"liveroom.v1.{codec}",
    )
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 101 " in head, head
    return RawSocket(reader, writer)


async def enter(url: str, room_id: str, token: str | None = None) -> RawSocket:
    """A raw socket after a good hello."""
    raw = await upgrade(url, room_id)
    raw.send_text({"id": 1, "op": "hello", "token": token})
    raw.welcome = orjson.loads((await raw.frame()).payload)["re"][0]["ok"]
    return raw
