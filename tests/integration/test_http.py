"""The HTTP side: one error shape for everything, limits on every body, no surprises."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

import server.api.responses
from server.tokens import Tokens
from tests.integration.conftest import Http
from tests.integration.house import JWT_SECRET, Place, eventually

SHAPE = {"code", "message", "retry_ms"}


def host_token(now_ms: int) -> str:
    return Tokens(JWT_SECRET).mint(sub="host", role="host", now_ms=now_ms, ttl_s=600)


@pytest.fixture
async def room_url(http: Http) -> str:
    """A room at pytest-aiohttp's server, made over HTTP."""
    from server.api.access import SERVICES

    token = host_token(http.app[SERVICES].hub.now_ms())
    http.session.headers["Authorization"] = f"Bearer {token}"
    async with http.post("/v1/rooms", json={"room_id": "r1", "title": "试播"}) as answer:
        assert answer.status == 201
        assert (await answer.json())["room_id"] == "r1"
    return "/v1/rooms/r1"


async def refused(answer: Any) -> str:
    """The code of an error answer, whose whole shape is checked."""
    body = await answer.json()
    assert set(body) - {"id"} == {"err"}, body
    assert set(body["err"]) - {"details"} == SHAPE
    assert type(body["err"]["retry_ms"]) is int
    text = json.dumps(body)
    for trace in ("Traceback", 'File "', ".py", "0x"):
        assert trace not in text
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    return str(body["err"]["code"])


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/v1/nothing", 404, "not_found"),
        ("GET", "/v1/rooms/nowhere", 404, "not_found"),
        ("GET", "/v1/rooms/a.b", 404, "not_found"),
        ("GET", "/v1/rooms/" + "x" * 65, 404, "not_found"),
        ("GET", "/v1/rooms/%2e%2e", 404, "not_found"),
        ("GET", "/v1/rooms/nowhere/metrics", 404, "not_found"),
        ("GET", "/v1/rooms/nowhere/audit", 404, "not_found"),
        ("POST", "/v1/rooms/nowhere/commands", 404, "not_found"),
        ("GET", "/v1/draws/nothing", 404, "not_found"),
        ("GET", "/v1/payments/nothing", 404, "not_found"),
        ("GET", "/v1/orders/nothing", 404, "not_found"),
        ("POST", "/v1/orders/nothing/pay", 404, "not_found"),
        ("POST", "/v1/orders/nothing/cancel", 404, "not_found"),
        ("POST", "/v1/payments/nothing/sandbox", 400, "bad_request"),
        ("POST", "/v1/payments/sandbox/callback", 401, "bad_signature"),
        ("POST", "/v1/dev/token", 404, "not_found"),
        ("GET", "/static/../config.py", 404, "not_found"),
        ("GET", "/static/%2e%2e/config.py", 404, "not_found"),
        ("GET", "/static/js", 403, "forbidden"),
        ("PUT", "/v1/rooms", 405, "method_not_allowed"),
        ("DELETE", "/v1/rooms/r1", 405, "method_not_allowed"),
        ("GET", "/v1/rooms/r1/commands", 405, "method_not_allowed"),
        ("POST", "/healthz", 405, "method_not_allowed"),
    ],
)
async def test_what_is_not_there(
    http: Http, room_url: str, method: str, path: str, status: int, code: str
) -> None:
    """The right status and the one error shape."""
    async with http.request(method, path) as answer:
        assert answer.status == status
        assert await refused(answer) == code


NO_COMMANDS: list[bytes] = [
    b"",
    b"{",
    b"[]",
    b"[1]",
    b"null",
    b"7",
    b'"ping"',
    b"\xff\xfe",
    b"{}",
    b'{"op":7}',
    b'{"id":1}',
    b'{"id":1.5,"op":"ping"}',
    b'{"id":true,"op":"ping"}',
    b'[{"id":1,"op":"ping"}]',
    b'{"id":1,"op":"ping"}{"id":2,"op":"ping"}',
    b"[" * 5_000,
    b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
]


@pytest.mark.parametrize("body", NO_COMMANDS, ids=lambda raw: repr(raw[:20]))
async def test_a_body_that_is_no_command(http: Http, room_url: str, body: bytes) -> None:
    """400, with and without the header for the key."""
    for headers in ({}, {"Idempotency-Key": "k"}):
        async with http.post(f"{room_url}/commands", data=body, headers=headers) as answer:
            assert answer.status == 400
            assert await refused(answer) == "bad_request"


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"title":7}', b'{"room_id":"a b"}', b"\xff"])
async def test_a_room_that_makes_no_sense(http: Http, room_url: str, body: bytes) -> None:
    """400 and no room."""
    async with http.post("/v1/rooms", data=body) as answer:
        assert answer.status == 400
        assert await refused(answer) == "bad_request"


async def test_a_room_is_made_once(http: Http, room_url: str) -> None:
    """409 the second time; without an id each is new."""
    async with http.post("/v1/rooms", json={"room_id": "r1"}) as answer:
        assert (answer.status, await refused(answer)) == (409, "conflict")
    made = set()
    for _ in range(3):
        async with http.post("/v1/rooms", json={}) as answer:
            made.add((await answer.json())["room_id"])
    assert len(made) == 3
    async with http.get("/v1/rooms") as answer:
        listed = {room["room_id"] for room in (await answer.json())["rooms"]}
    assert made | {"r1"} <= listed


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_too_large_is_refused(http: Http, room_url: str, chunked: bool) -> None:
    """413 by its declared size, or as soon as too much has come."""

    async def pieces() -> Any:
        for _ in range(70):
            yield b"x" * 1024

    data = pieces() if chunked else b"x" * 70_000
    async with http.post(f"{room_url}/commands", data=data) as answer:
        assert answer.status == 413
        assert await refused(answer) == "too_large"


async def test_a_slow_body_is_cut(
    http: Http, room_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """400 when it takes too long, while others are served."""
    monkeypatch.setattr(server.api.responses, "BODY_WITHIN_S", 0.3)
    never = asyncio.Event()

    async def pieces() -> Any:
        yield b'{"id":1,'
        await never.wait()

    slow = asyncio.create_task(http.post(f"{room_url}/commands", data=pieces()))
    async with http.get("/healthz") as answer:
        assert answer.status == 200
    async with asyncio.timeout(5), await slow as answer:
        assert (answer.status, await refused(answer)) == (400, "bad_request")


async def test_a_slow_handshake_is_cut(place: Place) -> None:
    """A connection that never finishes its request is closed, as is one that says nothing."""
    worker = await place.house.worker(handshake_timeout_s=0.5)
    for begun in (b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "):
        reader, writer = await asyncio.open_connection("127.0.0.1", worker.settings.port)
        writer.write(begun)
        async with asyncio.timeout(5):
            rest = await reader.read()
        assert rest == b"" or rest.startswith(b"HTTP/1.1 4")
        writer.close()


async def test_the_key_may_be_in_the_header(http: Http, room_url: str) -> None:
    """`Idempotency-Key` stands for `key`; when both are there they must agree."""
    sku = {"sku_id": "k1", "product_id": "p1", "stock": 9, "sale_cents": 100, "per_user": 0}
    sale = {"op": "sale.create", "sale_id": "s1", "skus": [sku], "start": "now"}
    async with http.post(f"{room_url}/commands", json=sale) as answer:
        assert (await answer.json())["ok"] == {"sale_id": "s1"}
    buy = {"op": "sale.buy", "sale_id": "s1", "lines": [{"sku_id": "k1", "qty": 1}]}
    bodies = []
    for body, headers in (
        (buy, {"Idempotency-Key": "one"}),
        ({**buy, "key": "one"}, {}),
        ({**buy, "key": "one"}, {"Idempotency-Key": "one"}),
    ):
        async with http.post(f"{room_url}/commands", json=body, headers=headers) as answer:
            assert answer.status == 200
            bodies.append(await answer.read())
    assert len(set(bodies)) == 1
    async with http.post(
        f"{room_url}/commands", json={**buy, "key": "one"}, headers={"Idempotency-Key": "two"}
    ) as answer:
        assert (answer.status, await refused(answer)) == (400, "bad_request")


async def test_a_command_over_http_is_answered_like_over_the_socket(
    http: Http, room_url: str
) -> None:
    """With its id, and with the status of the code when it is refused."""
    async with http.post(f"{room_url}/commands", json={"id": 7, "op": "ping"}) as answer:
        body = await answer.json()
        assert (answer.status, body["id"], set(body["ok"])) == (200, 7, {"server_ms"})
    async with http.post(f"{room_url}/commands", json={"id": 7, "op": "nope"}) as answer:
        assert (answer.status, await refused(answer)) == (400, "unknown_op")
    async with http.post(
        f"{room_url}/commands", json={"id": 7, "op": "like.add", "n": 0}
    ) as answer:
        assert (answer.status, await refused(answer)) == (400, "bad_request")


async def test_the_public_snapshot_needs_no_login(http: Http, room_url: str) -> None:
    """What a late joiner would be told, with the place it belongs to."""
    del http.session.headers["Authorization"]
    async with http.get(room_url) as answer:
        body = await answer.json()
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "no-store"
    assert (body["room_id"], body["title"], body["status"]) == ("r1", "试播", "live")
    assert body["epoch"]
    assert body["state"]["room"]["host"]["id"] == "host"


async def test_the_timeline_is_what_happened(place: Place) -> None:
    """Every critical event, oldest first, from the archive."""
    for text in ("a", "b", "c"):
        await place.do("announce", text=text)
    path = f"/v1/rooms/{place.room_id}/timeline"

    async def complete() -> bool:
        _, body = await place.get(path, sub="host", role="host")
        return [event["d"]["text"] for event in body["events"]] == ["a", "b", "c"]

    await eventually(complete)


async def test_pages_are_served_with_a_strict_policy(http: Http) -> None:
    """No inline script, no framing, no plug-ins; static files come with their types."""
    for path in ("/", "/room/r1", "/console/r1", "/screen/r1", "/cashier/p1"):
        async with http.get(path) as answer:
            assert answer.status == 200, path
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
    async with http.get("/static/js/liveroom.js") as answer:
        assert answer.status == 200
        assert "javascript" in answer.headers["Content-Type"]
    async with http.get("/room/a b") as answer:
        assert answer.status == 404
