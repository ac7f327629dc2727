"""The client's half of RFC 6455, bytes in and frames out. No sockets, no JSON, no clock.

Only what a liveroom server sends is understood: whole unmasked frames without extensions.
Anything else is a `FrameError`, so that a server that breaks the RFC is noticed by the load.
"""

from __future__ import annotations

import base64
import hashlib
from typing import NamedTuple

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
OPCODES = frozenset({TEXT, BINARY, CLOSE, PING, PONG})
SERVER_FRAME_BYTES_MAX = 16 * 1024 * 1024  # a snapshot is some 100 KB; more is a broken length
HANDSHAKE_BYTES_MAX = 16 * 1024  # response head, far above any real one
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class FrameError(Exception):
    """The peer sent bytes that a client must not accept."""


class Frame(NamedTuple):
    opcode: int
    payload: bytes


def handshake_request(host: str, path: str, key: str, *, subprotocol: str) -> bytes:
    """The upgrade request. No Origin: these are not browsers."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Protocol: {subprotocol}\r\n\r\n"
    ).encode("ascii")


def accept_token(key: str) -> str:
    """What an honest server answers to `key` (RFC 6455 §4.2.2)."""
    digest = hashlib.sha1(key.encode("ascii") + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode("ascii")


class HandshakeReply(NamedTuple):
    status: int
    headers: dict[str, str]  # names in lower case
    rest: bytes  # bytes after the head: the first frames may already be there


def read_handshake(data: bytes) -> HandshakeReply | None:
    """The server's answer, or None while its head is not complete."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        if len(data) > HANDSHAKE_BYTES_MAX:
            raise FrameError("handshake answer has no end")
        return None
    lines = data[:end].decode("latin-1").split("\r\n")
    status = lines[0].split(" ", 2)
    if len(status) < 2 or not status[1].isdigit():
        raise FrameError(f"not HTTP: {lines[0][:80]!r}")
    headers = dict(_header(line) for line in lines[1:])
    return HandshakeReply(int(status[1]), headers, data[end + 4 :])


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip().lower(), value.strip()


def masked_frame(opcode: int, payload: bytes, mask: bytes) -> bytes:
    """One final client frame; `mask` is four bytes."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, 0x80 | size))
    elif size < 65536:
        head = bytes((0x80 | opcode, 0xFE)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0xFF)) + size.to_bytes(8, "big")
    return head + mask + _xor(payload, mask)


def _xor(payload: bytes, mask: bytes) -> bytes:
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")


def close_payload(code: int, reason: str = "") -> bytes:
    return code.to_bytes(2, "big") + reason.encode()


def read_close(payload: bytes) -> tuple[int, str]:
    """Close code and reason; 1005 when the frame names none."""
    if len(payload) < 2:
        return 1005, ""
    return int.from_bytes(payload[:2], "big"), payload[2:].decode("utf-8", "replace")


class FrameReader:
    """Cuts a byte stream into frames. Holds at most one unfinished frame."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes, in order."""
        if self._held:
            data = self._held + data
        frames: list[Frame] = []
        at, size = 0, len(data)
        while size - at >= 2:
            head = _head(data, at, size)
            if head is None:
                break
            start, length = head
            if start + length > size:
                break
            frames.append(Frame(data[at] & 0x0F, data[start : start + length]))
            at = start + length
        self._held = data[at:]
        return frames


def _head(data: bytes, at: int, size: int) -> tuple[int, int] | None:
    """Where the payload starts and how long it is; None while the head is not complete."""
    first, length = data[at], data[at + 1]
    if first & 0xF0 != 0x80 or first & 0x0F not in OPCODES or length & 0x80:
        raise FrameError(f"unexpected frame head {first:#04x} {length:#04x}")
    if length < 126:
        return at + 2, length
    wide = 2 if length == 126 else 8
    if size - at < 2 + wide:
        return None
    length = int.from_bytes(data[at + 2 : at + 2 + wide], "big")
    if length > SERVER_FRAME_BYTES_MAX:
        raise FrameError(f"frame of {length} bytes")
    return at + 2 + wide, length
