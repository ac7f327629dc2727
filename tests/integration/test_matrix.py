"""Every command of the registry for every role, in every state of a room and of the person in it.

The commands go through the dispatcher in this process, with parameters that are well formed, so
that each cell shows the gate and not the shape. Sockets and HTTP are `test_roles.py`'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from room.events import AssistantChanged, Event, RoomEnded, UserMuted
from server.context import Context
from server.dispatch import answer
from server.rate_limit import BucketTable
from server.registry import HOSTS, ROLES, STAFF, Command, all_commands
from server.tokens import Identity
from server.wire import Codec, decode_commands
from tests.integration.house import Place

GATE = {"login_required", "forbidden"}
PERSON = "somebody"
FAR_MS = 86_400_000
STATES = ("live", "muted", "appointed", "ended")
SPEECH = {"comment.send", "question.ask"}
GIVEN: dict[str, Any] = {
    "channel": "shop",
    "close_s": 60,
    "conditions": {},
    "count": 5,
    "from_channel": "live",
    "lines": [{"sku_id": "k1", "qty": 1}],
    "manual": True,
    "n": 1,
    "off_cents": 100,
    "option": 0,
    "options": ["a", "b"],
    "card_ids": ["p1"],
    "product_ids": ["p1"],
    "rate_bp": 100,
    "skus": [
        {"sku_id": "k1", "product_id": "p1", "stock": 1, "list_cents": 200, "sale_cents": 100}
    ],
    "slow_mode_s": 0,
    "start": "manual",
    "to_channel": "shop",
    "total_cents": 500,
    "unit_cents": 1,
    "user_id": "other",
}
COUNTED = {"qty", "quota", "winners", "seconds", "per_user"}
BY_OP: dict[str, dict[str, Any]] = {
    "poll.vote": {"poll_id": "x1", "option": 0},
    "room.set": {"slow_mode_s": 0},
    "run_sheet.next": {"expect": 0},
    "run_sheet.put": {"items": []},
    "share.made": {},
}
# What may still be done when the live is over: settle what was sold, look, keep order, say goodbye.
# Everything else is refused with `room_ended` or finds nothing it could act on.
AFTER_THE_END_OK = {
    "assistant.add",
    "assistant.remove",
    "card.click",
    "card.seen",
    "cart.checkout",
    "cart.remove",
    "comment.delete",
    "comment.queue",
    "commission.set",
    "host.follow",
    "host.unfollow",
    "like.add",
    "ping",
    "product.put",
    "room.end",
    "run_sheet.put",
    "share.made",
    "user.ban",
    "user.kick",
    "user.mute",
    "user.unban",
    "words.get",
    "words.set",
}


def parameters(command: Command[Any]) -> dict[str, Any]:
    """Well formed parameters, of things that do not exist."""
    if command.op in BY_OP:
        return BY_OP[command.op]
    given: dict[str, Any] = {}
    struct = command.params
    required = len(struct.__struct_fields__) - len(struct.__struct_defaults__)
    for at, name in enumerate(struct.__struct_encode_fields__):
        if name in GIVEN and (at < required or name in ("manual", "off_cents")):
            given[name] = GIVEN[name]
        elif at < required:
            given[name] = (
                "x1" if name.endswith("_id") or name in ("key", "reason") else _plain(name)
            )
    return given


def _plain(name: str) -> Any:
    counted = name.endswith(("_cents", "_s", "_ms")) or name in COUNTED
    return 1 if counted else "text"


def cells(state: str) -> Iterator[tuple[str, Command[Any]]]:
    for role in ROLES:
        for command in sorted(all_commands(), key=lambda each: each.op == "room.end"):
            if not (state == "muted" and role in HOSTS):  # nobody silences a host
                yield role, command


def wanted(command: Command[Any], role: str) -> str | None:
    """What the registry declares of this role: let through, or which refusal."""
    if role in command.roles:
        return None
    return "login_required" if role == "guest" else "forbidden"


def happened(state: str) -> list[Event]:
    return {
        "live": [],
        "muted": [UserMuted(PERSON, 2**52, "host")],
        "appointed": [AssistantChanged(PERSON, "host", appointed=True)],
        "ended": [RoomEnded()],
    }[state]


async def code_of(place: Place, role: str, command: Command[Any]) -> str:
    """The outcome of one command of one person: ok, or the code of the refusal."""
    context = Context(
        services=place.worker.services,
        room=place.live,
        user=Identity.guest("g_1") if role == "guest" else Identity(PERSON, "n", role),
        now_ms=place.worker.services.hub.now_ms(),
        channel="http",
    )
    raw = orjson.dumps({"id": 1, "op": command.op, **parameters(command)})
    reply = await answer(context, decode_commands(raw, Codec.JSON)[0], Codec.JSON)
    return str(reply["err"]["code"]) if "err" in reply else "ok"


@pytest.mark.parametrize("state", STATES)
async def test_every_cell_is_as_declared(place: Place, state: str) -> None:
    """Gate by role, then by the state; nothing fails inside."""
    services = place.worker.services
    services.limits.update({rate: BucketTable(1e6, 1e6) for rate in services.limits})
    place = await _afresh(place, state)
    wrong: list[str] = []
    for role, command in cells(state):
        effective = "assistant" if state == "appointed" and role in ("viewer", "member") else role
        gate = wanted(command, effective)
        code = await code_of(place, role, command)
        if gate is not None and code != gate:
            wrong.append(f"{role} {command.op}: {code}, declared {gate}")
        elif gate is None and not fits(state, effective, command, code):
            wrong.append(f"{role} {command.op}: {code}")
        if command.op == "room.end" and code == "ok" and state != "ended":
            place = await _afresh(place, state)
    assert not wrong, "\n".join(wrong)


async def _afresh(place: Place, state: str) -> Place:
    """An open room in this state; `room.end` ends it, and then the next role gets another."""
    fresh = await place.house.room(place.worker)
    await fresh.worker.services.hub.open(fresh.room_id)
    rooms = fresh.worker.services.rooms
    await rooms.change(fresh.live.replica, lambda _: tuple(happened(state)), 1)
    return fresh


def fits(state: str, role: str, command: Command[Any], code: str) -> bool:
    """Whether an outcome behind the gate is one that the state allows."""
    if code in {"internal", "unavailable", "bad_request", "unknown_op", "login_required"}:
        return False
    if state == "muted" and command.op in SPEECH and role not in STAFF:
        return code == "muted"
    if state == "ended" and command.op in SPEECH:
        return code == "room_ended"
    if state == "ended" and code == "ok":
        return command.op in AFTER_THE_END_OK
    return True
