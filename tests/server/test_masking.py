"""Client frames without a mask are refused, however their bytes arrive."""

from __future__ import annotations

from typing import Any

import pytest

from server.masking import MaskGuard


class Parser:
    """Remembers what was passed on."""

    def __init__(self) -> None:
        self.passed = b""

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.passed += data
        return False, b""


class Queue:
    """Takes the exception that aiohttp's read would raise."""

    def __init__(self) -> None:
        self.error: BaseException | None = None

    def set_exception(self, error: BaseException, cause: Any = None) -> None:
        self.error = error


def client_frame(length: int, *, masked: bool = True) -> bytes:
    mask_bit = 0x80 if masked else 0
    if length < 126:
        header = bytes((0x81, mask_bit | length))
    elif length < 65536:
        header = bytes((0x81, mask_bit | 126)) + length.to_bytes(2, "big")
    else:
        header = bytes((0x81, mask_bit | 127)) + length.to_bytes(8, "big")
    return header + (b"\x00" * 4 if masked else b"") + b"x" * length


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 100_000])
def test_masked_frames_of_every_size_pass_in_any_chunks(chunk: int) -> None:
    """Header boundaries may fall anywhere in what the socket delivers."""
    data = b"".join(client_frame(n) for n in (0, 1, 125, 126, 5000, 70_000, 3))
    parser, queue = Parser(), Queue()
    guard = MaskGuard(parser, queue)
    for start in range(0, len(data), chunk):
        guard.feed_data(data[start : start + chunk])
    assert parser.passed == data
    assert queue.error is None


@pytest.mark.parametrize("chunk", [1, 5, 100_000])
def test_the_first_unmasked_frame_ends_the_reading(chunk: int) -> None:
    """It is refused even behind good frames, and nothing after it is passed on."""
    good, bad = client_frame(10), client_frame(10, masked=False)
    parser, queue = Parser(), Queue()
    guard = MaskGuard(parser, queue)
    data = good + bad + good
    for start in range(0, len(data), chunk):
        guard.feed_data(data[start : start + chunk])
    assert queue.error is not None
    assert len(parser.passed) <= len(good) + 1
