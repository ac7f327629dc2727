"""Being in a room without a socket: said again and again over HTTP, beside reading its ticks."""

from __future__ import annotations

from typing import Any

from room.errors import Refused
from server.context import Context
from server.hello import Entry, HelloParams, visit_of
from server.registry import EVERYONE, Params, RateClass, command

BEAT_EVERY_MS = 15_000
PRESENT_MS = 35_000  # one lost beat is forgiven


class Beat(Params):
    """`entry` with the first beat of somebody who has just come: it is counted as an arrival."""

    entry: Entry | None = None


@command("presence.beat", roles=EVERYONE, rate=RateClass.CONTROL)
async def beat(context: Context, params: Beat) -> dict[str, Any]:
    """Count as online, and as watching, without a socket; to be said again before `again_ms`."""
    services, room, user = context.services, context.room, context.user
    if room.replica.state.status == "ended":
        raise Refused("room_ended", "this room has ended")
    since_ms = await services.room_store.note_present(room.room_id, user.user_id, for_ms=PRESENT_MS)
    if since_ms is None:
        _arrive(context, params.entry)
    else:
        span = (user.user_id, context.now_ms - since_ms, context.now_ms)
        await services.room_store.credit_watch(room.room_id, [span])
    following = await services.followers.at_greeting(room, user)
    return {
        "user": {**user.to_wire(), "following": following},
        "server_ms": context.now_ms,
        "again_ms": BEAT_EVERY_MS,
    }


def _arrive(context: Context, entry: Entry | None) -> None:
    if entry is None:
        return
    visit = visit_of(context.user, HelloParams(entry=entry), context.now_ms)
    if visit is not None:
        context.room.arrivals.append(visit)
        context.room.counters["entries"] += 1
        context.services.hub.show_totals(context.room)
