"""Frames and codecs: what bytes mean, in both directions.

The server speaks two codecs over one message shape: JSON in text frames and MessagePack in binary
frames. This file turns client bytes into checked envelopes and server objects into finished
WebSocket frames. It knows no rooms, no sockets and no commands' contents; a command's own fields
are decoded by the registry from the same bytes.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import msgpack
import msgspec
import orjson

CLIENT_FRAME_BYTES_MAX = 8 * 1024  # a command is small; larger frames only serve to exhaust memory
COMMANDS_PER_FRAME_MAX = 32  # one frame may not hold more work than a busy second of one person
ID_MAX = 2**53 - 1  # the largest integer every JSON client can hold exactly

_OP_CHARS_MAX = 40
_FRAME_LENGTH_16_BIT = 126
_FRAME_LENGTH_64_BIT = 127


class Codec(enum.Enum):
    """How messages are encoded on one socket; the value is the WebSocket subprotocol."""

    JSON = "liveroom.v1.json"
    MSGPACK = "liveroom.v1.msgpack"

    __hash__ = object.__hash__  # each exists once; the inherited one is Python, run for every frame


SUBPROTOCOLS = tuple(codec.value for codec in Codec)


class MalformedFrame(Exception):
    """The bytes are not a message of the negotiated codec; the socket cannot be trusted further."""


class Envelope(msgspec.Struct, frozen=True):
    """The part of a command that is the same for all: its id and its op."""

    id: Annotated[int, msgspec.Meta(ge=0, le=ID_MAX)]
    op: Annotated[str, msgspec.Meta(max_length=_OP_CHARS_MAX)]


class Received(msgspec.Struct, frozen=True):
    """One command as it arrived. `envelope` is None when id or op is missing or of a wrong type."""

    envelope: Envelope | None
    raw: bytes | msgspec.Raw


_json_envelope = msgspec.json.Decoder(Envelope)
_json_list = msgspec.json.Decoder(list[msgspec.Raw])
_msgpack_envelope = msgspec.msgpack.Decoder(Envelope)
_msgpack_list = msgspec.msgpack.Decoder(list[msgspec.Raw])


def decode_commands(data: bytes, codec: Codec) -> list[Received]:
    """Split one client frame into its commands, in order.

    Raises `MalformedFrame` when the bytes are not one object or a list of at most
    `COMMANDS_PER_FRAME_MAX` of them.
    """
    try:
        raws: Sequence[bytes | msgspec.Raw]
        if codec is Codec.JSON:
            raws = _json_list.decode(data) if data.lstrip()[:1] == b"[" else [data]
        else:
            raws = _msgpack_list.decode(data) if _is_msgpack_array(data) else [data]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedFrame(str(error)) from error
    if not 0 < len(raws) <= COMMANDS_PER_FRAME_MAX:
        raise MalformedFrame(f"between 1 and {COMMANDS_PER_FRAME_MAX} commands a frame")
    return [Received(_decode_envelope(raw, codec), raw) for raw in raws]


def _is_msgpack_array(data: bytes) -> bool:
    return bool(data) and (0x90 <= data[0] <= 0x9F or data[0] in (0xDC, 0xDD))


def _decode_envelope(raw: bytes | msgspec.Raw, codec: Codec) -> Envelope | None:
    decoder = _json_envelope if codec is Codec.JSON else _msgpack_envelope
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError:
        return None  # well formed, but not a command: answered, not cut off
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedFrame(str(error)) from error


def encode(message: Mapping[str, Any], codec: Codec) -> bytes:
    """Encode one server message, without the frame header."""
    if codec is Codec.JSON:
        return orjson.dumps(message)
    return msgpack.packb(message, use_bin_type=True)  # type: ignore[no-any-return]


def frame(payload: bytes, codec: Codec) -> bytes:
    """Put the WebSocket header of an unmasked, final frame before `payload` (RFC 6455 §5.2).

    Server frames carry no mask, so the same bytes can be written to every socket of a room.
    """
    first = 0x81 if codec is Codec.JSON else 0x82
    length = len(payload)
    if length < _FRAME_LENGTH_16_BIT:
        return bytes((first, length)) + payload
    if length < 1 << 16:
        return bytes((first, _FRAME_LENGTH_16_BIT)) + length.to_bytes(2, "big") + payload
    return bytes((first, _FRAME_LENGTH_64_BIT)) + length.to_bytes(8, "big") + payload


def message_frame(message: Mapping[str, Any], codec: Codec) -> bytes:
    """Encode and frame one server message."""
    return frame(encode(message, codec), codec)


def event_json(kind: str, ts_ms: int, body: Mapping[str, Any] | orjson.Fragment) -> bytes:
    """Encode one unsequenced event; critical events are encoded where they get their number."""
    return orjson.dumps({"t": kind, "ts": ts_ms, "d": body})


def tick_json(
    events: Iterable[bytes],
    *,
    state: Mapping[str, Any] | orjson.Fragment | None = None,
    seq: int | None = None,
    drop: Mapping[str, int] | None = None,
    fold: Mapping[str, int] | None = None,
) -> bytes:
    """Join events that are already JSON with the other keys of a tick into one message."""
    parts = []
    joined = b",".join(events)
    if joined:
        parts.append(b'"ev":[' + joined + b"]")
    if state:
        parts.append(b'"st":' + orjson.dumps(state))
    if seq is not None:
        parts.append(b'"seq":%d' % seq)
    if drop:
        parts.append(b'"drop":' + orjson.dumps(drop))
    if fold:
        parts.append(b'"fold":' + orjson.dumps(fold))
    return b"{" + b",".join(parts) + b"}"


def tick_msgpack(
    events: Iterable[bytes],
    *,
    state: Mapping[str, Any] | None = None,
    seq: int | None = None,
    drop: Mapping[str, int] | None = None,
    fold: Mapping[str, int] | None = None,
) -> bytes:
    """The same message as `tick_json` in MessagePack."""
    message: dict[str, Any] = {}
    decoded = [orjson.loads(event) for event in events]
    if decoded:
        message["ev"] = decoded
    if state:
        message["st"] = state
    if seq is not None:
        message["seq"] = seq
    if drop:
        message["drop"] = drop
    if fold:
        message["fold"] = fold
    return encode(message, Codec.MSGPACK)
