"""What client bytes mean, and the exact bytes of server frames."""

from __future__ import annotations

import msgpack
import msgspec
import orjson
import pytest

from server.commands.fields import Id
from server.wire import (
    COMMANDS_PER_FRAME_MAX,
    Codec,
    MalformedFrame,
    decode_commands,
    frame,
    message_frame,
    tick_json,
    tick_msgpack,
)


def test_one_object_and_a_list_both_hold_commands_in_order() -> None:
    """A frame is a command or a list of them, in either codec."""
    one, two = {"id": 1, "op": "ping"}, {"id": 2, "op": "like.add", "n": 3}
    for codec, encode in ((Codec.JSON, orjson.dumps), (Codec.MSGPACK, msgpack.packb)):
        single = decode_commands(encode(one), codec)
        several = decode_commands(encode([one, two]), codec)
        assert [c.envelope.op for c in single if c.envelope] == ["ping"]
        assert [(c.envelope.id, c.envelope.op) for c in several if c.envelope] == [
            (1, "ping"),
            (2, "like.add"),
        ]


@pytest.mark.parametrize(
    "wrong_id", ["true", "1.0", '"1"', "-1", "9007199254740993", "1e3", "null", "[1]"]
)
def test_an_id_that_is_no_plain_integer_is_no_command(wrong_id: str) -> None:
    """Booleans, floats, strings and integers beyond 2^53 are not ids."""
    received = decode_commands(f'{{"id":{wrong_id},"op":"ping"}}'.encode(), Codec.JSON)
    assert received[0].envelope is None


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"nonsense", b'{"id":NaN,"op":"x"}', b"[]", b"\xff\xfe", b'{"z":' + b"[" * 4000],
)
def test_bytes_that_are_no_message_are_refused_whole(data: bytes) -> None:
    """Malformed JSON, an empty list and endless nesting all end in MalformedFrame."""
    with pytest.raises(MalformedFrame):
        decode_commands(data, Codec.JSON)


def test_a_frame_holds_a_bounded_number_of_commands() -> None:
    """One more than the limit refuses the whole frame, at the limit it passes."""
    command = {"id": 1, "op": "ping"}
    allowed = orjson.dumps([command] * COMMANDS_PER_FRAME_MAX)
    assert len(decode_commands(allowed, Codec.JSON)) == COMMANDS_PER_FRAME_MAX
    with pytest.raises(MalformedFrame):
        decode_commands(orjson.dumps([command] * (COMMANDS_PER_FRAME_MAX + 1)), Codec.JSON)


@pytest.mark.parametrize(
    ("length", "header"),
    [
        (0, b"\x81\x00"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65535, b"\x81\x7e\xff\xff"),
        (65536, b"\x81\x7f" + (65536).to_bytes(8, "big")),
    ],
)
def test_frame_headers_follow_rfc_6455_at_every_length_boundary(length: int, header: bytes) -> None:
    """7-bit, 16-bit and 64-bit lengths, unmasked and final."""
    assert frame(b"x" * length, Codec.JSON) == header + b"x" * length


def test_a_msgpack_frame_is_binary() -> None:
    """The opcode follows the codec."""
    data = message_frame({"re": []}, Codec.MSGPACK)
    assert data[0] == 0x82
    assert msgpack.unpackb(data[2:]) == {"re": []}


def test_a_tick_means_the_same_in_both_codecs() -> None:
    """Joining encoded events by hand gives what encoding the whole would give."""
    events = [b'{"t":"a","ts":1,"d":{}}', b'{"t":"b","ts":2,"d":{"x":"\xe4\xbd\xa0"}}']
    message = {
        "ev": [orjson.loads(event) for event in events],
        "st": {"likes": 7},
        "seq": 12,
        "drop": {"comment": 3},
    }
    tick = {"state": {"likes": 7}, "seq": 12, "drop": {"comment": 3}}
    assert orjson.loads(tick_json(events, **tick)) == message
    assert msgpack.unpackb(tick_msgpack(events, **tick)) == message


def test_an_empty_tick_names_no_empty_keys() -> None:
    """What did not happen is not mentioned."""
    assert tick_json([]) == b"{}"


@pytest.mark.parametrize("wrong", ["", "a b", "a\n", "\na", "a/b", "é", "x" * 65])
def test_what_is_no_id(wrong: str) -> None:
    """Also not with a line's end behind it, which `$` alone would let pass."""
    assert msgspec.convert("a-B_9", Id) == "a-B_9"
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, Id)
