"""Refuses client frames without a mask, which RFC 6455 §5.1 demands and aiohttp lets through.

The guard walks frame headers in front of aiohttp's parser: two bytes a frame, no payload copied.
`client_socket.py` puts it there.
"""

from __future__ import annotations

from typing import Any

from aiohttp import WebSocketError, WSCloseCode
from aiohttp.helpers import set_exception

_MASK_BIT = 0x80
_MASK_BYTES = 4
_LENGTH_16_BIT = 126
_SIZE_BYTES = {_LENGTH_16_BIT: 2, 127: 8}


class MaskGuard:
    """Stands before a WebSocket parser and passes bytes on while every frame is masked."""

    def __init__(self, parser: Any, queue: Any):  # noqa: ANN401 - aiohttp's own, untyped
        self._parser = parser
        self._queue = queue
        self._header = b""  # the part of a header that has arrived
        self._skip = 0  # payload bytes of the current frame still to come
        self._refused = False

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Check the headers in `data`, then hand it on. The first unmasked frame ends reading."""
        if self._refused:
            return True, data
        if not self._all_masked(data):
            self._refused = True
            error = WebSocketError(WSCloseCode.PROTOCOL_ERROR, "client frames must be masked")
            set_exception(self._queue, error)
            return True, b""
        passed: tuple[bool, bytes] = self._parser.feed_data(data)
        return passed

    def feed_eof(self) -> None:
        """The peer is gone."""
        self._parser.feed_eof()

    def _all_masked(self, data: bytes) -> bool:
        at, end = 0, len(data)
        while at < end:
            if self._skip:
                taken = min(self._skip, end - at)
                self._skip -= taken
                at += taken
                continue
            whole = 0 if self._header else self._enter(data, at, end)
            if whole < 0:
                return False
            if whole:
                at += whole
                continue
            self._header += data[at : at + 1]
            at += 1
            if len(self._header) == 2 and not self._header[1] & _MASK_BIT:
                return False
            self._finish_header()
        return True

    def _enter(self, data: bytes, at: int, end: int) -> int:
        """The size of a short frame's header that is all here, 0 if not, negative without mask."""
        if end - at < 2:
            return 0
        length = data[at + 1] & ~_MASK_BIT
        if length == data[at + 1]:
            return -1
        if length < _LENGTH_16_BIT:
            self._skip = length + _MASK_BYTES
            return 2
        if length == _LENGTH_16_BIT and end - at >= 4:
            self._skip = int.from_bytes(data[at + 2 : at + 4], "big") + _MASK_BYTES
            return 4
        return 0

    def _finish_header(self) -> None:
        """Once length and mask are complete, expect that many bytes of payload."""
        header = self._header
        if len(header) < 2:
            return
        length = header[1] & ~_MASK_BIT
        size_bytes = _SIZE_BYTES.get(length, 0)
        if len(header) < 2 + size_bytes:
            return
        if size_bytes:
            length = int.from_bytes(header[2 : 2 + size_bytes], "big")
        self._header = b""
        self._skip = length + _MASK_BYTES
