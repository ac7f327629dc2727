"""Who gets in, and what everybody else is told."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from tests.integration.house import House, Place

CODECS = ["json", "msgpack"]


@pytest.mark.parametrize("codec", CODECS)
async def test_a_guest_needs_no_token(place: Place, codec: str) -> None:
    """And is given an id, the whole state, and the rules of the socket."""
    guest = await place.enter(codec=codec)
    welcome = guest.welcome
    assert welcome["user"]["role"] == "guest"
    assert welcome["user"]["id"]
    assert welcome["recovered"] is False
    assert welcome["ping_s"] == 25
    assert welcome["limits"]["frame_bytes"] == 8192
    assert {"online", "likes", "entries", "room", "cards", "sales", "stock", "lotteries"} <= set(
        welcome["state"]
    )
    assert welcome["state"]["room"]["room_id"] == place.room_id


@pytest.mark.parametrize("codec", CODECS)
async def test_a_token_names_its_bearer(place: Place, codec: str) -> None:
    """Id, name and role come from the token and from nowhere else."""
    visitor = await place.knock(codec)
    token = place.worker.services.tokens.mint(
        sub="lin", name="林", role="member", ttl_s=60, now_ms=place.worker.services.hub.now_ms()
    )
    await visitor.send({"id": 9, "op": "hello", "token": token, "user": {"role": "admin"}})
    reply = await visitor.reply(9)
    assert reply["ok"]["user"] == {"id": "lin", "name": "林", "role": "member", "following": False}


async def test_a_socket_without_subprotocol_speaks_json(place: Place) -> None:
    """JSON in text frames is the default."""
    url = f"{place.url}/v1/rooms/{place.room_id}/ws"
    async with place.house.session.ws_connect(url) as socket:
        await socket.send_str('{"id":1,"op":"hello","token":null}')
        assert (await socket.receive_json())["re"][0]["id"] == 1


async def test_a_token_for_another_room_is_no_token(place: Place) -> None:
    """4501, as for any other bad token."""
    visitor = await place.knock()
    await visitor.say("hello", token=place.token("lin", room="elsewhere"))
    assert await visitor.closed() == 4501


async def test_an_expired_token_asks_for_a_new_one(place: Place) -> None:
    """4401, so that the app fetches a token and comes back."""
    now_ms = place.worker.services.hub.now_ms() - 3_600_000
    token = place.worker.services.tokens.mint(sub="lin", ttl_s=60, now_ms=now_ms)
    visitor = await place.knock()
    command_id = await visitor.say("hello", token=token)
    assert await visitor.closed() == 4401
    assert visitor.replies[command_id]["err"]["code"] == "token_expired"


async def test_a_token_that_expires_ends_its_socket(place: Place) -> None:
    """4401 within five seconds of its end; nothing is accepted for it until then either."""
    lin = await place.enter("lin", ttl_s=2)
    kim = await place.enter("kim")
    assert await lin.closed(patience_s=7) == 4401
    assert "server_ms" in await kim.do("ping")


async def test_who_says_nothing_is_not_kept(house: House) -> None:
    """4509 when the time for a hello is over."""
    place = await house.room(await house.worker(hello_timeout_s=0.2))
    visitor = await place.knock()
    assert await visitor.closed(patience_s=3) == 4509


async def test_pings_are_no_hello(house: House) -> None:
    """Control frames do not lengthen the time."""
    place = await house.room(await house.worker(hello_timeout_s=0.3))
    visitor = await place.knock()
    while visitor.close_code is None:
        try:
            await visitor.socket.ping()
        except aiohttp.ClientConnectionError:
            break
        await asyncio.sleep(0.02)
    assert await visitor.closed(patience_s=3) == 4509


@pytest.mark.parametrize(
    "first",
    [
        {"id": 1, "op": "ping"},
        {"id": 1, "op": "comment.send", "text": "hi"},
        [{"id": 1, "op": "hello"}, {"id": 2, "op": "ping"}],
        {"op": "hello"},
        {"id": "1", "op": "hello"},
        "hello",
        [],
        1,
        None,
    ],
    ids=str,
)
@pytest.mark.parametrize("codec", CODECS)
async def test_the_first_word_must_be_hello(place: Place, codec: str, first: object) -> None:
    """Anything else is 4509."""
    visitor = await place.knock(codec)
    await visitor.send(first)
    assert await visitor.closed() == 4509


@pytest.mark.parametrize(
    "wrong",
    [
        {"token": 7},
        {"token": True},
        {"token": "x" * 5000},
        {"resume": {"epoch": 1, "seq": 1}},
        {"resume": {"epoch": "e", "seq": -1}},
        {"resume": {"epoch": "e", "seq": 1.5}},
        {"resume": {"epoch": "e", "seq": True}},
        {"resume": {"epoch": "e" * 100, "seq": 1}},
        {"resume": []},
    ],
    ids=lambda wrong: str(wrong)[:50],
)
async def test_a_malformed_hello_is_refused_in_words(
    place: Place, wrong: dict[str, object]
) -> None:
    """`bad_request`, then 4509: the client is broken, coming back would not help."""
    visitor = await place.knock()
    command_id = await visitor.say("hello", **wrong)
    assert await visitor.closed() == 4509
    assert visitor.replies[command_id]["err"]["code"] == "bad_request"


async def test_a_banned_person_stays_out(place: Place) -> None:
    """4503 on the live socket, at the next hello, and `banned` over HTTP."""
    lin = await place.enter("lin")
    await place.do("user.ban", user_id="lin")
    assert await lin.closed() == 4503
    again = await place.knock()
    command_id = await again.say("hello", token=place.token("lin"))
    assert await again.closed() == 4503
    assert again.replies[command_id]["err"]["code"] == "banned"
    status, body = await place.command("comment.send", sub="lin", role="viewer", text="hi")
    assert (status, body["err"]["code"]) == (403, "banned")
    await place.do("user.unban", user_id="lin")
    await place.enter("lin")


async def test_an_ended_room_lets_nobody_in(place: Place) -> None:
    """Those inside are told `room.ended`, then closed with 4510, and so is who comes later."""
    lin = await place.enter("lin")
    await place.do("room.end")
    assert await lin.closed() == 4510
    assert lin.of("room.ended") == [{}]
    late = await place.knock()
    await late.say("hello", token=None)
    assert await late.closed() == 4510


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://127.0.0.1", "http://127.0.0.1:1", "file://", ""],
)
async def test_a_foreign_origin_is_refused_before_the_upgrade(place: Place, origin: str) -> None:
    """403: no socket, whatever the token."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
        await place.knock(Origin=origin)
    assert refusal.value.status == 403


async def test_its_own_origin_and_no_origin_are_welcome(place: Place) -> None:
    """Pages come with an Origin, other programs without."""
    await (await place.knock(Origin=place.url)).hello()
    await (await place.knock()).hello()


@pytest.mark.parametrize("room_id", ["nowhere", "a%2Fb", "a.b", "x" * 65, "%00", "房间"])
async def test_no_such_room(place: Place, room_id: str) -> None:
    """404 for a room that is not there and for an id that is none."""
    url = f"{place.url}/v1/rooms/{room_id}/ws"
    with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
        await place.house.session.ws_connect(url)
    assert refusal.value.status == 404


async def test_a_draining_worker_admits_nobody(place: Place) -> None:
    """503 with Retry-After: the load balancer or the app tries the next worker."""
    place.worker.services.hub.draining = True
    with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
        await place.knock()
    assert refusal.value.status == 503
    assert refusal.value.headers is not None
    assert int(refusal.value.headers["Retry-After"]) >= 1


async def test_a_hello_that_comes_while_draining_is_sent_on(place: Place) -> None:
    """A socket opened just before is closed with 4001, not admitted and then cut."""
    visitor = await place.knock()
    place.worker.services.hub.draining = True
    await visitor.say("hello", token=None)
    assert await visitor.closed() == 4001


async def test_one_person_has_a_bounded_number_of_sockets(house: House) -> None:
    """4029 past `connections_per_user_max`; others are not affected."""
    place = await house.room(await house.worker(connections_per_user_max=2))
    await place.enter("lin")
    await place.enter("lin")
    third = await place.knock()
    await third.say("hello", token=place.token("lin"))
    assert await third.closed() == 4029
    await place.enter("kim")


async def test_a_full_worker_says_so(house: House) -> None:
    """503 past `max_viewers_per_worker`, counting sockets that have not said hello yet."""
    place = await house.room(await house.worker(max_viewers_per_worker=2))
    await place.knock()
    await place.knock()
    with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
        await place.knock()
    assert refusal.value.status == 503


async def test_a_second_hello_changes_nothing(place: Place) -> None:
    """A socket has one identity for its life."""
    lin = await place.enter("lin")
    assert await lin.refused("hello", token=place.token("host", "host")) == "unknown_op"
    assert await lin.refused("announce", text="x") == "forbidden"
