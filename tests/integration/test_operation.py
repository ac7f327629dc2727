"""What operators and machines ask of a running server, and the documents it describes itself by."""

from __future__ import annotations

import re
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from server.error_codes import ERRORS, CloseCode
from server.registry import all_commands
from tests.integration.conftest import Http
from tests.integration.house import House, Place, eventually

OPS = {command.op for command in all_commands()}


async def text(place: Place, path: str) -> tuple[int, str]:
    async with place.house.session.get(place.url + path) as answer:
        return answer.status, await answer.text()


async def test_alive_and_ready(http: Http) -> None:
    """200 for both while everything works."""
    async with http.get("/healthz") as answer:
        assert (answer.status, await answer.json()) == (200, {"status": "ok"})
    async with http.get("/readyz") as answer:
        assert (answer.status, await answer.json()) == (200, {"ready": True, "reasons": []})


async def test_a_draining_worker_is_alive_but_not_ready(place: Place) -> None:
    """503 that says why."""
    place.worker.services.hub.draining = True
    status, body = await place.get("/readyz")
    assert (status, body["reasons"]) == (503, ["draining"])
    assert (await place.get("/healthz"))[0] == 200


async def test_every_missing_store_is_named(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 with one reason each, and no address or password in it."""

    async def broken() -> None:
        raise ConnectionError("redis://user:password@10.0.0.1 refused")

    monkeypatch.setattr(place.worker.services, "checks", {"redis": broken, "sql": broken})
    status, body = await place.get("/readyz")
    assert status == 503
    assert body["reasons"] == ["redis: ConnectionError", "sql: ConnectionError"]


async def test_any_worker_tells_the_metrics_of_all(two_places: tuple[Place, Place]) -> None:
    """Valid Prometheus text, each worker under its own label."""
    here, there = two_places
    await here.enter("lin")
    await there.enter("kim")

    async def both_told() -> bool:
        for place in two_places:
            _, body = await text(place, "/metrics")
            sockets = {
                sample.labels["worker"]: sample.value
                for family in text_string_to_metric_families(body)
                for sample in family.samples
                if sample.name == "liveroom_sockets"
            }
            if sorted(sockets.values()) != [1, 1]:
                return False
        return True

    await eventually(both_told)
    lin = await here.enter("lin")
    await lin.do("ping")
    await lin.refused("announce", text="x")
    _, body = await text(here, "/metrics")
    families = {family.name: family for family in text_string_to_metric_families(body)}
    outcomes = {
        (sample.labels["op"], sample.labels["outcome"])
        for sample in families["liveroom_commands"].samples
        if sample.name == "liveroom_commands_total"
    }
    assert {("ping", "ok"), ("announce", "forbidden")} <= outcomes


async def test_labels_are_not_made_by_clients(place: Place) -> None:
    """Unknown ops share one label, unknown rooms none: memory cannot be filled by names."""
    visitor = await place.enter("lin")
    for number in range(20):
        await visitor.refused(f"nonsense.{number}")
    _, body = await text(place, "/metrics")
    assert "nonsense" not in body


def references(document: Any) -> set[str]:
    if isinstance(document, dict):
        inner = {ref for value in document.values() for ref in references(value)}
        return inner | ({document["$ref"]} if isinstance(document.get("$ref"), str) else set())
    if isinstance(document, list):
        return {ref for value in document for ref in references(value)}
    return set()


def resolve(document: Any, reference: str) -> Any:
    assert reference.startswith("#/"), reference
    for name in reference[2:].split("/"):
        document = document[name.replace("~1", "/").replace("~0", "~")]
    return document


def consts(document: Any) -> set[str]:
    """Every `op` a schema pins."""
    if isinstance(document, dict):
        own = document.get("op")
        found = {own["const"]} if isinstance(own, dict) and "const" in own else set()
        return found | {op for value in document.values() for op in consts(value)}
    if isinstance(document, list):
        return {op for value in document for op in consts(value)}
    return set()


async def test_openapi_describes_every_route_and_command(http: Http) -> None:
    """Structurally valid, all references resolve, and nothing is missing or invented."""
    async with http.get("/openapi.json") as answer:
        document = await answer.json()
    assert document["openapi"].startswith("3.1")
    assert {"title", "version"} <= set(document["info"])
    for reference in references(document):
        resolve(document, reference)
    described = set()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            described.add((method.upper(), path))
            assert operation["responses"], path
            assert operation["summary"], path
            named = {parameter["name"] for parameter in operation["parameters"]}
            assert named == set(re.findall(r"\{(\w+)\}", path))
    ids = [o["operationId"] for p in document["paths"].values() for o in p.values()]
    assert len(ids) == len(set(ids))
    assert consts(document) == OPS
    served = {
        (route.method, route.resource.canonical)
        for route in http.app.router.routes()
        if route.resource is not None and route.method not in ("HEAD", "OPTIONS", "*")
    }
    api = {r for r in served if r[1].startswith("/v1/") and not r[1].endswith("/ws")}
    assert api <= described
    assert described <= served
    assert set(document["components"]["schemas"]["Error"]["properties"]["code"]["enum"]) == set(
        ERRORS
    )


async def test_asyncapi_describes_every_command_and_close_code(http: Http) -> None:
    """The socket's side of the same registry, hello included."""
    async with http.get("/asyncapi.json") as answer:
        document = await answer.json()
    assert document["asyncapi"].startswith("3.")
    for reference in references(document):
        resolve(document, reference)
    messages = document["components"]["messages"]
    assert OPS | {"hello"} <= set(messages)
    channel = document["channels"]["room"]
    assert set(channel["messages"]) == set(messages)
    assert set(channel["x-close-codes"]) == {str(int(code)) for code in CloseCode}
    for operation in document["operations"].values():
        assert operation["action"] in {"send", "receive"}


async def test_tokens_for_anyone_exist_only_in_dev_mode(house: House) -> None:
    """Not found otherwise; with it, good for the room it names."""
    place = await house.room(await house.worker(dev=True))
    status, body = await place.post("/v1/dev/token", {"name": "林", "role": "host"}, sub=None)
    assert (status, body["user"]["name"], body["user"]["role"]) == (200, "林", "host")
    visitor = await place.knock()
    assert body["user"].items() <= (await visitor.hello(body["token"]))["user"].items()
    for wrong in ({"role": "root"}, {"sub": "a b"}, {"ttl_s": 0}, {"room": "a b"}, {"name": 7}):
        status, body = await place.post("/v1/dev/token", wrong, sub=None)
        assert (status, body["err"]["code"]) == (400, "bad_request"), wrong
    told = (await place.get("/v1/config"))[1]
    assert (told["dev"], told["providers"]) == (True, ["sandbox"])
