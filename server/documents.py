"""OpenAPI 3.1 and AsyncAPI 3, made from the command registry and the HTTP routes.

Nothing here is written by hand that the code already knows: shapes come from the parameter types,
summaries from docstrings, error codes from their table.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import msgspec
from aiohttp import web

from server import __version__
from server.error_codes import ERRORS, CloseCode
from server.hello import HelloParams
from server.registry import Command, all_commands
from server.wire import SUBPROTOCOLS

_SCHEMAS = "#/components/schemas/"
_HELLO = "The first command of a socket: who is there, and what was seen last."
_PATH_NAME = re.compile(r"\{(\w+)\}")


@cache
def _command_schemas() -> tuple[dict[str, str], dict[str, Any]]:
    """Op → schema reference, and the component schemas."""
    commands = list(all_commands())
    shapes = [command.params for command in commands]
    schemas, components = msgspec.json.schema_components(shapes, ref_template=_SCHEMAS + "{name}")
    references = {c.op: s["$ref"] for c, s in zip(commands, schemas, strict=True)}
    return references, components


def _error_schema() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["code", "message", "retry_ms"],
        "properties": {
            "code": {"type": "string", "enum": sorted(ERRORS)},
            "message": {"type": "string"},
            "retry_ms": {"type": "integer", "minimum": 0},
            "details": {"type": "object"},
        },
    }


def _command_schema(command: Command[Any]) -> dict[str, Any]:
    return _addressed(command.op, command.summary, _command_schemas()[0][command.op])


def _addressed(op: str, summary: str, reference: str) -> dict[str, Any]:
    """The schema of a whole command: its id and op beside its own fields."""
    head = {
        "type": "object",
        "required": ["id", "op"],
        "properties": {
            "id": {"type": "integer", "minimum": 0},
            "op": {"const": op},
        },
    }
    return {"title": op, "description": summary, "allOf": [head, {"$ref": reference}]}


def _http_routes() -> list[tuple[str, str, str]]:
    """Method, path and summary of every HTTP route."""
    from server.api.tables import PUBLIC

    found = []
    for table in PUBLIC:
        for route in table:
            assert isinstance(route, web.RouteDef)
            summary = (route.handler.__doc__ or "").strip().splitlines()[0]
            found.append((route.method.lower(), route.path, summary))
    return sorted(found, key=lambda entry: (entry[1], entry[0]))


def _operation(method: str, path: str, summary: str) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": summary,
        "operationId": f"{method}_{re.sub(r'[^a-z0-9]+', '_', path.lower()).strip('_')}",
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in _PATH_NAME.findall(path)
        ],
        "responses": {
            "2XX": {"description": "Done."},
            "4XX": {"$ref": "#/components/responses/Refused"},
            "5XX": {"$ref": "#/components/responses/Refused"},
        },
    }
    if path.endswith("/commands"):
        schemas = [_command_schema(command) for command in all_commands()]
        content = {"application/json": {"schema": {"oneOf": schemas}}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


@cache
def openapi() -> dict[str, Any]:
    """The HTTP API."""
    paths: dict[str, dict[str, Any]] = {}
    for method, path, summary in _http_routes():
        paths.setdefault(path, {})[method] = _operation(method, path, summary)
    refused = {
        "description": "Refused; `code` is stable.",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["err"],
                    "properties": {"err": {"$ref": _SCHEMAS + "Error"}},
                }
            }
        },
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "liveroom", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": {**_command_schemas()[1], "Error": _error_schema()},
            "responses": {"Refused": refused},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"bearer": []}],
    }


@cache
def asyncapi() -> dict[str, Any]:
    """The WebSocket protocol."""
    (hello,), components = msgspec.json.schema_components(
        [HelloParams], ref_template=_SCHEMAS + "{name}"
    )
    commands = {"hello": {"payload": _addressed("hello", _HELLO, hello["$ref"]), "summary": _HELLO}}
    commands |= {
        command.op: {"payload": _command_schema(command), "summary": command.summary}
        for command in all_commands()
    }
    tick = {"summary": "Replies, events, state and counts of what was not shown."}
    references = {op: {"$ref": f"#/components/messages/{op}"} for op in commands}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "liveroom", "version": __version__},
        "channels": {
            "room": {
                "address": "/v1/rooms/{room_id}/ws",
                "parameters": {"room_id": {}},
                "messages": {**references, "tick": {"$ref": "#/components/messages/tick"}},
                "bindings": {"ws": {"method": "GET"}},
                "x-subprotocols": list(SUBPROTOCOLS),
                "x-close-codes": {str(int(code)): code.name.lower() for code in CloseCode},
            }
        },
        "operations": {
            "receiveCommands": {
                "action": "receive",
                "channel": {"$ref": "#/channels/room"},
            },
            "sendTicks": {"action": "send", "channel": {"$ref": "#/channels/room"}},
        },
        "components": {
            "messages": {**commands, "tick": tick},
            "schemas": {**_command_schemas()[1], **components, "Error": _error_schema()},
        },
    }
