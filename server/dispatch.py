"""From a received command to its reply: the same steps for the socket and for HTTP.

Order: known op, role, rate, shape, handler. Whatever goes wrong becomes an `err` object with a
stable code; an unexpected exception is logged with its trace here and told as `internal`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import msgspec
import structlog

from flash_sale.errors import Refused as SaleRefused
from room.errors import Refused, Unavailable
from server.context import Context, Services
from server.errors import CommandRefused
from server.registry import GUEST, Command, RateClass, find, rate_of
from server.talk_gate import too_many
from server.wire import Codec, Envelope, Received

log = structlog.get_logger(__name__)
Reply = dict[str, Any]
GUESTS_AT_AN_ADDRESS = 50  # who ask without a socket, each as fast as one person may
BEFORE_TALK = frozenset((RateClass.BUY, RateClass.STAFF))  # nobody waits for chat to buy or to sell


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
        return {"id": reply_id, "ok": await perform(context, op, received.raw, codec)}
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


async def perform(
    context: Context, op: str, raw: bytes | msgspec.Raw, codec: Codec
) -> dict[str, Any]:
    """Check and run one command whose parameters are in `raw`; raises what refuses it."""
    command = find(op)
    if command.rate is RateClass.TALK:
        context.services.moderation.gate.refuse_if_full()
    context = context.seated()
    _check_role(context, command)
    _check_rate(context, command)
    params = command.decode(raw, codec)
    if command.rate is RateClass.TALK:
        await context.services.moderation.gate.enter()
    if command.rate in BEFORE_TALK:
        with context.services.hub.precedence:
            return await _carry_out(context, command, params)
    return await _carry_out(context, command, params)


async def _carry_out(context: Context, command: Command[Any], params: Any) -> dict[str, Any]:  # noqa: ANN401 - its own shape
    if command.rate is RateClass.STAFF:
        # What the staff did just now through another worker must be known here.
        await context.catch_up()
    result = await _handle(context, command, params)
    if command.is_staff_act:
        await _note(context, command, params)
    return result


async def _handle(context: Context, command: Command[Any], params: Any) -> dict[str, Any]:  # noqa: ANN401 - its own shape
    try:
        return await command.handler(context, params)
    except Refused as refused:
        if refused.code != "not_found" or not await context.catch_up():
            raise
    return await command.handler(context, params)


async def _note(context: Context, command: Command[Any], params: Any) -> None:  # noqa: ANN401 - its own shape
    detail = dict(
        zip(params.__struct_encode_fields__, msgspec.structs.astuple(params), strict=True)
    )
    trail, room_id = context.services.moderation.trail, context.room.room_id
    await trail.note(room_id, context.speaker, command.op, detail, context.now_ms)


def _check_role(context: Context, command: Command[Any]) -> None:
    if context.user.role in command.roles:
        return
    if context.user.role == GUEST:
        raise CommandRefused("login_required", f"{command.op} needs a login")
    raise CommandRefused("forbidden", f"{context.user.role} may not use {command.op}")


def _check_rate(context: Context, command: Command[Any]) -> None:
    rate = command.rate
    table = context.services.limits[rate]
    retry_ms = table.take(context.user.user_id, context.now_ms)
    if not retry_ms and context.user.role == GUEST and context.channel == "http":
        # A device names itself: whoever says another one each time is still at one address.
        share = 1 / GUESTS_AT_AN_ADDRESS
        retry_ms = table.take(f"@{context.origin.address}", context.now_ms, share)
    if retry_ms:
        raise CommandRefused("rate_limited", f"too many {rate.name} commands", retry_ms=retry_ms)


def refuse(received: Received, refused: CommandRefused) -> Reply:
    """The reply to a command that was refused before it was looked at."""
    reply_id = received.envelope.id if received.envelope else None
    return {"id": reply_id, "err": refused.to_wire()}


def refuse_talk(services: Services, commands: Sequence[Received]) -> list[Reply] | None:
    """The replies to commands that would wait too long; None unless all of them are talk."""
    ops = [received.envelope.op for received in commands if received.envelope is not None]
    if len(ops) < len(commands) or not all(rate_of(op) is RateClass.TALK for op in ops):
        return None
    for op in ops:
        services.metrics.commanded(op, "rate_limited", 0.0)
    refused = too_many()
    return [refuse(received, refused) for received in commands]


def translate(refused: Refused | SaleRefused) -> CommandRefused:
    """A package's refusal as the edge tells it."""
    return CommandRefused(
        refused.code, refused.message, retry_ms=refused.retry_ms, details=refused.details
    )


def unavailable() -> CommandRefused:
    """Redis or SQL did not answer in time and nothing is known to have happened."""
    return CommandRefused("unavailable", "a store is not answering", retry_ms=1_000)
