"""Bytes that no honest client sends: the right code for each, and nobody else notices."""

from __future__ import annotations

from typing import Any

import msgpack
import orjson
import pytest

from loadtest import frames
from tests.integration.house import Place
from tests.integration.raw_socket import enter, upgrade
from tests.integration.visitor import Visitor

FRAME_BYTES_MAX = 8192


@pytest.fixture
async def bystander(place: Place) -> Visitor:
    """A good viewer who must not be affected."""
    return await place.enter("bystander")


async def assert_undisturbed(bystander: Visitor) -> None:
    assert "server_ms" in await bystander.do("ping")
    comment = await bystander.do("comment.send", text="still here")
    assert comment["comment_id"]
    await bystander.until(lambda: "still here" in bystander.texts)


def padded(size: int) -> bytes:
    """A good ping of exactly so many bytes."""
    head = b'{"id":2,"op":"ping","pad":"'
    return head + b"x" * (size - len(head) - 2) + b'"}'


async def test_eight_kilobytes_are_allowed(place: Place) -> None:
    """The limit itself is within it."""
    raw = await enter(place.url, place.room_id)
    raw.send(frames.TEXT, padded(FRAME_BYTES_MAX))
    opcode, payload = await raw.frame()
    assert (opcode, orjson.loads(payload)["re"][0]["id"]) == (frames.TEXT, 2)
    raw.end()


@pytest.mark.parametrize("size", [FRAME_BYTES_MAX + 1, 65_536, 2**31, 2**62])
async def test_larger_frames_are_refused_by_their_header(
    place: Place, bystander: Visitor, size: int
) -> None:
    """1009 before the payload has even arrived."""
    raw = await enter(place.url, place.room_id)
    head = bytes((0x81, 0xFF)) + size.to_bytes(8, "big") + b"mask"
    raw.send_bytes(head + b"x" * min(size, 100))
    assert await raw.close_code() == 1009
    await assert_undisturbed(bystander)


async def test_many_small_fragments_are_one_large_message(place: Place, bystander: Visitor) -> None:
    """1009: the limit is on the message, however it is cut."""
    raw = await enter(place.url, place.room_id)
    raw.send_bytes(fragment(frames.TEXT, b"x" * 100, final=False))
    for _ in range(100):
        raw.send_bytes(fragment(0, b"x" * 100, final=False))
    assert await raw.close_code() == 1009
    await assert_undisturbed(bystander)


def fragment(opcode: int, payload: bytes, *, final: bool) -> bytes:
    whole = bytearray(frames.masked_frame(opcode or frames.TEXT, payload, b"mask"))
    whole[0] = (0x80 if final else 0) | opcode
    return bytes(whole)


async def test_a_command_in_fragments_is_a_command(place: Place) -> None:
    """RFC 6455 §5.4."""
    raw = await enter(place.url, place.room_id)
    raw.send_bytes(fragment(frames.TEXT, b'{"id":5,"op"', final=False))
    raw.send(frames.PING, b"in between")
    raw.send_bytes(fragment(0, b':"ping"}', final=True))
    assert (await raw.frame()).opcode == frames.PONG
    assert orjson.loads((await raw.frame()).payload)["re"][0]["id"] == 5
    raw.end()


@pytest.mark.parametrize(
    ("raw_bytes", "code"),
    [
        (frames.masked_frame(frames.TEXT, b'{"id":1,"op":"\xff\xfe"}', b"mask"), 1007),
        (frames.masked_frame(frames.TEXT, b"\xed\xa0\x80", b"mask"), 1007),  # a lone surrogate
        (frames.masked_frame(frames.TEXT, b"\xc0\xaf", b"mask"), 1007),  # overlong
        (b'\x81\x08{"id":1}', 1002),  # not masked
        (b"\xc1" + frames.masked_frame(frames.TEXT, b"{}", b"mask")[1:], 1002),  # RSV1
        (b"\x83" + frames.masked_frame(frames.TEXT, b"{}", b"mask")[1:], 1002),  # opcode 3
        (b"\x80" + frames.masked_frame(frames.TEXT, b"{}", b"mask")[1:], 1002),  # nothing begun
        (b"\x09" + frames.masked_frame(frames.PING, b"", b"mask")[1:], 1002),  # a cut ping
    ],
    ids=["not UTF-8", "surrogate", "overlong", "no mask", "RSV", "opcode", "continuation", "ping"],
)
async def test_broken_framing_has_the_code_of_the_rfc(
    place: Place, bystander: Visitor, raw_bytes: bytes, code: int
) -> None:
    """1007 for bad text, 1002 for a bad frame."""
    raw = await enter(place.url, place.room_id)
    raw.send_bytes(raw_bytes)
    assert await raw.close_code() == code
    await assert_undisturbed(bystander)


MALFORMED_JSON = [
    b"",
    b"{",
    b"[",
    b"nope",
    b'{"id":1,"op":"ping"',
    b'{"id":1,"op":"ping"} trailing',
    b"[[[",
    b"[]",
    b'{"id":NaN,"op":"ping"}',
    b"[" * 4000,
    b'{"a":' * 1300 + b"1" + b"}" * 1300,
]


@pytest.mark.parametrize("payload", MALFORMED_JSON, ids=lambda raw: repr(raw[:25]))
async def test_malformed_json_ends_the_socket(
    place: Place, bystander: Visitor, payload: bytes
) -> None:
    """4509: a client that cannot write cannot be answered."""
    raw = await enter(place.url, place.room_id)
    raw.send(frames.TEXT, payload)
    assert await raw.close_code() == 4509
    await assert_undisturbed(bystander)


MALFORMED_MSGPACK = [
    b"",
    b"\xc1",
    b"\x81",
    b"\x82\xa2id\x01\xa2op",
    b"\xdd\xff\xff\xff\xff",
    b"\xdf\xff\xff\xff\xff",
    b"\xdb\xff\xff\xff\xff",
    b"\x90",
    b"\x91" * 8000,
    b"\x81\xa1a" * 2000,
]


@pytest.mark.parametrize("payload", MALFORMED_MSGPACK, ids=lambda raw: repr(raw[:12]))
async def test_malformed_msgpack_ends_the_socket(
    place: Place, bystander: Visitor, payload: bytes
) -> None:
    """4509, without allocating what the header claims."""
    raw = await upgrade(place.url, place.room_id, codec="msgpack")
    raw.send(frames.BINARY, msgpack.packb({"id": 1, "op": "hello", "token": None}))
    await raw.frame()
    raw.send(frames.BINARY, payload)
    assert await raw.close_code() == 4509
    await assert_undisturbed(bystander)


@pytest.mark.parametrize(("codec", "wrong"), [("json", frames.BINARY), ("msgpack", frames.TEXT)])
async def test_the_wrong_kind_of_frame_ends_the_socket(
    place: Place, codec: str, wrong: int
) -> None:
    """4509 before and after the hello."""
    early = await upgrade(place.url, place.room_id, codec=codec)
    early.send(wrong, b'{"id":1,"op":"hello"}')
    assert await early.close_code() == 4509
    visitor = await place.enter(codec=codec)
    if codec == "json":
        await visitor.socket.send_bytes(b'{"id":1,"op":"ping"}')
    else:
        await visitor.socket.send_str('{"id":1,"op":"ping"}')
    assert await visitor.closed() == 4509


@pytest.mark.parametrize("codec", ["json", "msgpack"])
async def test_a_list_of_commands_is_answered_in_order(place: Place, codec: str) -> None:
    """32 in one frame, with all replies in one frame."""
    visitor = await place.enter(codec=codec)
    await visitor.send([{"id": number, "op": "ping"} for number in range(100, 132)])
    await visitor.reply(131)
    assert [key for key in visitor.replies if key >= 100] == list(range(100, 132))


@pytest.mark.parametrize("codec", ["json", "msgpack"])
async def test_more_than_a_list_of_32_ends_the_socket(place: Place, codec: str) -> None:
    """4509: one frame may not hold more work than that."""
    visitor = await place.enter(codec=codec)
    await visitor.send([{"id": number, "op": "ping"} for number in range(33)])
    assert await visitor.closed() == 4509


WRONG_IDS: list[Any] = [True, False, 1.0, 1.5, -1, 2**53, 2**63, 2**64 - 1, "1", None, [], {}]


@pytest.mark.parametrize("codec", ["json", "msgpack"])
@pytest.mark.parametrize("wrong", WRONG_IDS, ids=repr)
async def test_an_id_is_a_whole_number(place: Place, codec: str, wrong: object) -> None:
    """Anything else is `bad_request` with a null id; the socket lives on."""
    visitor = await place.enter(codec=codec)
    await visitor.send({"id": wrong, "op": "ping"})
    reply = await visitor.reply(None)
    assert reply["err"]["code"] == "bad_request"
    assert "server_ms" in await visitor.do("ping")


@pytest.mark.parametrize("number", ["1e999", "-0", "1e3", "18446744073709551616", "0x10", "01"])
async def test_odd_numbers_change_nothing(place: Place, number: str) -> None:
    """A count of likes that is no whole number of JSON is refused and nothing is counted."""
    raw = await enter(place.url, place.room_id)
    raw.send(frames.TEXT, b'{"id":9,"op":"like.add","n":%b}' % number.encode())
    opcode, payload = await raw.frame()
    if opcode == frames.CLOSE:
        assert frames.read_close(payload)[0] == 4509
    else:
        assert orjson.loads(payload)["re"][0]["err"]["code"] == "bad_request"
    assert place.live.counters["likes"] == 0
    raw.end()


@pytest.mark.parametrize("wrong", [0, -1, 51, 1.5, True, "1", None, 2**53 + 1, [1]], ids=repr)
@pytest.mark.parametrize("codec", ["json", "msgpack"])
async def test_likes_are_one_to_fifty(place: Place, codec: str, wrong: object) -> None:
    """Everything else is refused and nothing is counted."""
    visitor = await place.enter(codec=codec)
    assert await visitor.refused("like.add", n=wrong) == "bad_request"
    assert place.live.counters["likes"] == 0


async def test_unknown_ops_and_fields(place: Place) -> None:
    """An op nobody knows is `unknown_op`; a field nobody knows is ignored: clients may be newer."""
    visitor = await place.enter("lin")
    assert await visitor.refused("room.explode") == "unknown_op"
    assert await visitor.refused("x" * 40) == "unknown_op"
    assert "server_ms" in await visitor.do("ping", shoe_size=43)
    await visitor.send({"id": 77, "op": "x" * 41})
    assert (await visitor.reply(None))["err"]["code"] == "bad_request"


async def test_who_asks_too_fast_is_told_when_to_come_back(place: Place) -> None:
    """`rate_limited` with retry_ms for a whole frame; nothing of it is done."""
    visitor = await place.enter("lin")
    for start in range(1000, 11_000, 1000):
        await visitor.send([{"id": start + n, "op": "like.add", "n": 1} for n in range(32)])
    await visitor.reply(10_031)
    asked = [reply for key, reply in visitor.replies.items() if key >= 1000]
    refused = [reply["err"] for reply in asked if "err" in reply]
    assert len(refused) >= 32
    assert {refusal["code"] for refusal in refused} == {"rate_limited"}
    assert all(refusal["retry_ms"] > 0 for refusal in refused)
    assert place.live.counters["likes"] == len(asked) - len(refused)
