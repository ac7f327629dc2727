"""The viewer's framing: bytes in, frames out, and nothing accepted that a client must refuse."""

from __future__ import annotations

import pytest

from loadtest import frames
from loadtest.frames import Frame, FrameError, FrameReader


def server_frame(payload: bytes, opcode: int = frames.TEXT) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((0x80 | opcode, size)) + payload
    if size < 65536:
        return bytes((0x80 | opcode, 126)) + size.to_bytes(2, "big") + payload
    return bytes((0x80 | opcode, 127)) + size.to_bytes(8, "big") + payload


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
def test_a_frame_of_any_length_is_read_whole(size: int) -> None:
    assert FrameReader().feed(server_frame(b"x" * size)) == [Frame(frames.TEXT, b"x" * size)]


def test_frames_may_arrive_byte_by_byte() -> None:
    reader, stream = FrameReader(), server_frame(b"a" * 200) + server_frame(b"", frames.PING)
    found = [frame for byte in stream for frame in reader.feed(bytes((byte,)))]
    assert found == [Frame(frames.TEXT, b"a" * 200), Frame(frames.PING, b"")]


def test_several_frames_in_one_read_keep_their_order() -> None:
    stream = b"".join(server_frame(bytes((65 + n,))) for n in range(5))
    assert [payload for _, payload in FrameReader().feed(stream)] == [b"A", b"B", b"C", b"D", b"E"]


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"\x01\x01a", id="fragment"),
        pytest.param(b"\xc1\x01a", id="compressed"),
        pytest.param(b"\x81\x81abcd", id="masked"),
        pytest.param(b"\x83\x01a", id="unknown opcode"),
        pytest.param(b"\x81\x7f" + (2**40).to_bytes(8, "big"), id="huge"),
    ],
)
def test_what_a_server_must_not_send_is_an_error(head: bytes) -> None:
    with pytest.raises(FrameError):
        FrameReader().feed(head)


@pytest.mark.parametrize("size", [0, 3, 4, 125, 126, 70_000])
def test_a_client_frame_is_masked_and_unmasks_to_its_payload(size: int) -> None:
    payload, mask = bytes(n % 251 for n in range(size)), b"\x01\x02\x03\x04"
    frame = frames.masked_frame(frames.TEXT, payload, mask)
    body = frame[len(frame) - size :]
    assert frame[0] == 0x81
    assert frame[1] & 0x80
    assert bytes(byte ^ mask[at % 4] for at, byte in enumerate(body)) == payload


def test_the_accept_token_is_the_one_of_the_rfc() -> None:
    assert frames.accept_token("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_frames_right_behind_the_handshake_are_not_lost() -> None:
    reply = frames.read_handshake(b"HTTP/1.1 101 X\r\nSec-WebSocket-Accept: abc\r\n\r\nrest")
    assert reply == (101, {"sec-websocket-accept": "abc"}, b"rest")
    assert frames.read_handshake(b"HTTP/1.1 101 X\r\n") is None


def test_an_endless_handshake_is_refused() -> None:
    with pytest.raises(FrameError):
        frames.read_handshake(b"x" * (frames.HANDSHAKE_BYTES_MAX + 1))


def test_a_close_frame_without_a_code_reads_as_1005() -> None:
    assert frames.read_close(b"") == (1005, "")
    assert frames.read_close(frames.close_payload(4001, "draining")) == (4001, "draining")
