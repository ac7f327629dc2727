"""From a received command to its reply: the same steps for the socket and for HTTP.

Order: known op, role, rate, shape, handler. Whatever goes wrong becomes an `err` object with a
stable code; an unexpected exception is logged with its trace here and told as `internal`.
"""

from __future__ import annotations

import time
from typing import Any

import structlog

from flash_sale.errors import Refused as SaleRefused
from room.errors import Refused, Unavailable
from server.context import Context
from server.errors import CommandRefused
from server.registry import GUEST, Command, RateClass, find
from server.wire import Codec, Envelope, Received

log = structlog.get_logger(__name__)
Reply = dict[str, Any]


async def answer(context: Context, received: Received, codec: Codec) -> Reply:
    """Run one command and return its reply, never raising."""
    if received.envelope is None:
        refused = CommandRefused("bad_request", "a command needs an integer id and a string op")
        return refuse(received, refused)
    started = time.perf_counter()
    reply = await _reply(context, received.envelope, received, codec)
    _count(context, received.envelope.op, reply, time.perf_counter() - started)
    return reply


async def _reply(context: Context, envelope: Envelope, received: Received, codec: Codec) -> Reply:
    reply_id, op = envelope.id, envelope.op
    try:
        return {"id": reply_id, "ok": await _run(context, op, received, codec)}
    except CommandRefused as refused:
        return {"id": reply_id, "err": refused.to_wire()}
    except (Refused, SaleRefused) as refused:
        return {"id": reply_id, "err": translate(refused).to_wire()}
    except Unavailable:
        return {"id": reply_id, "err": unavailable().to_wire()}
    except Exception:
        log.exception("command_failed", op=op, room_id=context.room.room_id)
        return {"id": reply_id, "err": CommandRefused("internal", "internal error").to_wire()}


def _count(context: Context, op: str, reply: Reply, seconds: float) -> None:
    outcome = reply["err"]["code"] if "err" in reply else "ok"
    known = "unknown" if outcome == "unknown_op" else op  # a label must not come from a client
    context.services.metrics.commanded(known, outcome, seconds)


async def _run(context: Context, op: str, received: Received, codec: Codec) -> dict[str, Any]:
    command = find(op)
    _check_role(context, command)
    _check_rate(context, command)
    params = command.decode(received.raw, codec)
    if command.rate is RateClass.STAFF:
        # What the staff did just now through another worker must be known here.
        await context.catch_up()
    try:
        return await command.handler(context, params)
    except Refused as refused:
        if refused.code != "not_found" or not await context.catch_up():
            raise
    return await command.handler(context, params)


def _check_role(context: Context, command: Command[Any]) -> None:
    if context.user.role in command.roles:
        return
    if context.user.role == GUEST:
        raise CommandRefused("login_required", f"{command.op} needs a login")
    raise CommandRefused("forbidden", f"{context.user.role} may not use {command.op}")


def _check_rate(context: Context, command: Command[Any]) -> None:
    rate = command.rate
    retry_ms = context.services.limits[rate].take(context.user.user_id, context.now_ms)
    if retry_ms:
        raise CommandRefused("rate_limited", f"too many {rate.name} commands", retry_ms=retry_ms)


def refuse(received: Received, refused: CommandRefused) -> Reply:
    """The reply to a command that was refused before it was looked at."""
    reply_id = received.envelope.id if received.envelope else None
    return {"id": reply_id, "err": refused.to_wire()}


def translate(refused: Refused | SaleRefused) -> CommandRefused:
    """A package's refusal as the edge tells it."""
    return CommandRefused(
        refused.code, refused.message, retry_ms=refused.retry_ms, details=refused.details
    )


def unavailable() -> CommandRefused:
    """Redis or SQL did not answer in time and nothing is known to have happened."""
    return CommandRefused("unavailable", "a store is not answering", retry_ms=1_000)
