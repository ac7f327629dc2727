"""Who may do what: every command of the registry, for every role, on both ways in."""

from __future__ import annotations

import pytest

from server.registry import ROLES, Command, all_commands
from tests.integration.house import House, Place

REFUSALS = {"login_required", "forbidden"}


def expected(command: Command[object], role: str) -> set[str]:
    """The codes that this role must (or must not) be given."""
    if role in command.roles:
        return set()
    return {"login_required"} if role == "guest" else {"forbidden"}


def commands() -> list[Command[object]]:
    """All of them; the one that ends the room last."""
    return sorted(all_commands(), key=lambda command: command.op == "room.end")


@pytest.mark.parametrize("role", ROLES)
async def test_over_the_socket(place: Place, role: str) -> None:
    """Exactly the declared roles get past the gate; what is missing besides is told after it."""
    visitor = await place.enter(None if role == "guest" else f"a-{role}", role)
    ops = commands()
    for number, command in enumerate(ops, start=100):
        await visitor.send({"id": number, "op": command.op, "user_id": 1})
    got = {}
    for number, command in enumerate(ops, start=100):
        reply = await visitor.reply(number)
        got[command.op] = {reply.get("err", {}).get("code")} & REFUSALS
    assert got == {command.op: expected(command, role) for command in ops}


@pytest.mark.parametrize("role", ROLES)
async def test_over_http(place: Place, role: str) -> None:
    """The same, with the status of the code."""
    sub = None if role == "guest" else f"a-{role}"
    got, statuses = {}, {}
    for command in commands():
        status, body = await place.command(command.op, sub=sub, role=role, user_id=1)
        got[command.op] = {body.get("err", {}).get("code")} & REFUSALS
        statuses[command.op] = status
    assert got == {command.op: expected(command, role) for command in commands()}
    for op, codes in got.items():
        if codes:
            assert statuses[op] == (401 if role == "guest" else 403), op


async def test_a_staff_token_of_another_room_opens_nothing(house: House) -> None:
    """The room in the token is checked on every way in."""
    worker = await house.worker()
    mine, other = await house.room(worker), await house.room(worker)
    token = mine.token("host", "host", room=mine.room_id)
    url = f"{other.url}/v1/rooms/{other.room_id}"
    headers = {"Authorization": f"Bearer {token}"}
    for path in ("", "/metrics", "/audit", "/timeline", "/products", "/orders"):
        async with house.session.get(url + path, headers=headers) as answer:
            assert answer.status == 401, path
    body = {"id": 1, "op": "announce", "text": "mine now"}
    async with house.session.post(f"{url}/commands", json=body, headers=headers) as answer:
        assert answer.status == 401
    visitor = await other.knock()
    await visitor.say("hello", token=token)
    assert await visitor.closed() == 4501


@pytest.mark.parametrize("path", ["timeline", "products", "orders"])
@pytest.mark.parametrize("role", ROLES)
async def test_what_only_staff_may_read(place: Place, path: str, role: str) -> None:
    """200 for staff, 401 for guests, 403 for the others."""
    sub = None if role == "guest" else "reader"
    status, _ = await place.get(f"/v1/rooms/{place.room_id}/{path}", sub=sub, role=role)
    wanted = {"guest": 401, "viewer": 403, "member": 403}.get(role, 200)
    assert status == wanted


@pytest.mark.parametrize("role", ROLES)
async def test_who_may_make_a_room(place: Place, role: str) -> None:
    """Hosts and above; an assistant helps in a room that is there."""
    sub = None if role == "guest" else "maker"
    status, _ = await place.post("/v1/rooms", {"room_id": f"by-{role}"}, sub=sub, role=role)
    allowed = {"host", "operator", "admin"}
    assert status == (201 if role in allowed else 401 if role == "guest" else 403)


async def test_a_token_for_one_room_makes_no_other(place: Place) -> None:
    """And none with an id that the server chooses."""
    headers = {"Authorization": f"Bearer {place.token('host', 'host', room='only')}"}
    for body, status in (({"room_id": "more"}, 401), ({}, 403), ({"room_id": "only"}, 201)):
        async with place.house.session.post(
            f"{place.url}/v1/rooms", json=body, headers=headers
        ) as answer:
            assert answer.status == status, body
