"""The table of what is told to one person alone is what the code tells, and can be read."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import server
from room.events import EVENT_TYPES
from server.private_events import PRIVATE_EVENTS

CHAT = {"comment", "comment.repeated", "notice"}  # told to the room, within its budget
FOLDER = Path(server.__file__).parent


def kinds_told() -> set[str]:
    """Every kind that the server names when it makes an event by hand."""
    found: set[str] = set()
    for path in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            is_event = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "event_json"
            if is_event and isinstance(node.args[0], ast.Constant):  # type: ignore[attr-defined]
                found.add(node.args[0].value)  # type: ignore[attr-defined]
    return found


def test_every_private_event_is_listed_and_no_other() -> None:
    names = [event.name for event in PRIVATE_EVENTS]
    assert names == sorted(set(names))
    assert set(names) == kinds_told() - CHAT
    assert not set(names) & EVENT_TYPES.keys(), "what everybody hears is not private"


def test_each_says_where_it_is_read_without_a_socket() -> None:
    """The fields it names of one's own answer are those that the answer has."""
    source = (FOLDER / "api" / "me.py").read_text("utf-8")
    for event in PRIVATE_EVENTS:
        own = event.over_http.startswith("`GET /v1/rooms/{room_id}/me`")
        for field in re.findall(r": `(\w+)`", event.over_http) if own else ():
            assert f'"{field}":' in source, (event.name, field)
