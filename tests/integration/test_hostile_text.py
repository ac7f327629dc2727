"""Every text field of the registry under text that is meant to do harm: nothing of it gets through.

What a browser makes of it is `tests/browser/test_hostile_text.py`'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import orjson
import pytest

from server.context import Context
from server.dispatch import answer
from server.rate_limit import BucketTable
from server.registry import Command, all_commands
from server.tokens import Identity
from server.wire import Codec, decode_commands
from tests.integration.house import Place
from tests.integration.test_matrix import parameters

HOSTILE = {
    "script": "<script>alert(1)</script>",
    "bidi": "a\u202egnp.exe\u2066b\u2069",
    "controls": "a\u0000b\u0007\u001b[31mc\u009b",
    "lines": 'a\r\n{"event":"forged"}\u2028\u2029b',
    "invisible": "\u200b\u200c\u2060\ufeff\u00ada",
    "zalgo": "Z" + "\u0336\u0335\u0334" * 30,
    "long": "长" * 7_000,
    "bytes": "👨\u200d👩\u200d👧\u200d👦" * 300,
}
# No control or bidi character, no zero-width one but the joiner of emoji, no tower of marks.
HARM = re.compile(
    "[\u0000-\u001f\u007f-\u009f\u00ad\u200b\u2028-\u202e\u2060-\u2069\ufeff]|[\u0300-\u036f]{3}"
)
ID = r"^[A-Za-z0-9_-]{1,64}$"


def texts(command: Command[Any]) -> Iterator[str]:
    """The fields a person may write into: strings that are no ids."""
    schema = msgspec.json.schema(command.params)
    fields = next(iter(schema["$defs"].values()))["properties"]
    for name, field in fields.items():
        kinds = [field, *field.get("anyOf", ()), field.get("items") or {}]
        if any(kind.get("type") == "string" and kind.get("pattern") != ID for kind in kinds):
            yield name


def with_text(command: Command[Any], field: str, text: str) -> dict[str, Any]:
    schema = msgspec.json.schema(command.params)
    shape = next(iter(schema["$defs"].values()))["properties"][field]
    many = shape.get("type") == "array" or any(
        kind.get("type") == "array" for kind in shape.get("anyOf", ())
    )
    return {**parameters(command), field: [text, "b"] if many else text}


async def outcome(place: Place, command: Command[Any], params: dict[str, Any]) -> str:
    services = place.worker.services
    context = Context(
        services=services,
        room=place.live,
        user=Identity("host", "host", "host"),
        now_ms=services.hub.now_ms(),
        channel="http",
    )
    raw = orjson.dumps({"id": 1, "op": command.op, **params})
    reply = await answer(context, decode_commands(raw, Codec.JSON)[0], Codec.JSON)
    return str(reply["err"]["code"]) if "err" in reply else "ok"


def strings(value: object) -> Iterator[str]:
    """Every text in a decoded JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from strings(one)


@pytest.mark.parametrize("kind", HOSTILE)
async def test_no_field_lets_it_through(place: Place, kind: str) -> None:
    """Cleaned or refused, and told to nobody as it was."""
    host = await place.host()
    services = place.worker.services
    services.limits.update({rate: BucketTable(1e6, 1e6) for rate in services.limits})
    outcomes = {}
    for command in all_commands():
        for field in texts(command):
            params = with_text(command, field, HOSTILE[kind])
            outcomes[f"{command.op}.{field}"] = await outcome(place, command, params)
    assert {"comment.send.text", "announce.text", "product.put.title"} <= outcomes.keys()
    failed = {field for field, code in outcomes.items() if code in ("internal", "unavailable")}
    assert not failed
    if kind in ("long", "bytes"):
        taken = {field for field, code in outcomes.items() if code == "ok"}
        assert not taken, "a limit holds for every field"
    await host.do("ping")
    told = [place.live.current(), place.live.recent_events(), host.events]
    harm = [text for text in strings(orjson.loads(orjson.dumps(told))) if HARM.search(text)]
    assert harm == []
