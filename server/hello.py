"""The answer to `hello`: who you are, where the room stands, and what you missed.

Everything comes from this worker's memory, so a thousand reconnecting viewers cost no store a
single read.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from room.ports import Sequenced
from server.commands.fields import Id
from server.context import Services
from server.errors import CommandRefused
from server.fanout import LiveRoom
from server.tokens import Identity
from server.wire import CLIENT_FRAME_BYTES_MAX, COMMANDS_PER_FRAME_MAX, ID_MAX, Codec

PING_S = 25  # clients ping this often; proxies close what is silent for 30 to 60 s
TOKEN_CHARS_MAX = 4096
EPOCH_CHARS_MAX = 64


class Resume(msgspec.Struct, frozen=True):
    """Where the viewer was when it lost its socket."""

    epoch: Annotated[str, msgspec.Meta(max_length=EPOCH_CHARS_MAX)]
    seq: Annotated[int, msgspec.Meta(ge=0, le=ID_MAX)]


class HelloParams(msgspec.Struct, frozen=True, kw_only=True):
    """`hello {token, resume, device}`. The device is what the client calls it, for limits only."""

    token: Annotated[str, msgspec.Meta(max_length=TOKEN_CHARS_MAX)] | None = None
    resume: Resume | None = None
    device: Id | None = None

    @classmethod
    def decode(cls, raw: bytes | msgspec.Raw, codec: Codec) -> HelloParams:
        """Decode the fields of a hello; refuses `bad_request`."""
        decode = msgspec.json.decode if codec is Codec.JSON else msgspec.msgpack.decode
        try:
            return decode(raw, type=cls)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise CommandRefused("bad_request", str(error)) from error


def greet(
    services: Services, room: LiveRoom, user: Identity, params: HelloParams, codec: Codec
) -> dict[str, Any]:
    """The `ok` of a hello: a snapshot as of the room's last tick, and the events since `resume`.

    `recovered` is true only when every critical event after `resume` is in `events`.
    """
    missed = _missed(room, params.resume)
    stamp = services.hub.ticker.stamp()
    state, recent = room.greeting(codec)
    settings = room.replica.state.settings
    return {
        "user": {"id": user.user_id, "name": user.name, "role": user.role},
        "epoch": room.replica.epoch,
        "seq": room.shown_seq,
        "recovered": missed is not None,
        "events": missed or [],
        "state": state,
        "recent": recent,
        "server_ms": stamp["server_ms"],
        "tick_ms": stamp["tick_ms"],
        "ping_s": PING_S,
        "limits": {
            "frame_bytes": CLIENT_FRAME_BYTES_MAX,
            "commands_per_frame": COMMANDS_PER_FRAME_MAX,
            "comments_per_user_per_s": settings.comments_per_user_per_s,
            "chat_per_viewer_per_s": settings.chat_per_viewer_per_s,
            "slow_mode_s": settings.slow_mode_s,
        },
    }


def _missed(room: LiveRoom, resume: Resume | None) -> list[Any] | None:
    """Critical events after `resume` up to the last tick, or None when they can't all be told."""
    if resume is None or resume.seq > room.shown_seq:
        return None
    events = room.replica.since(resume.epoch, resume.seq)
    if events is None:
        return None
    return [_wire_event(event) for event in events if event.seq <= room.shown_seq]


def _wire_event(event: Sequenced) -> dict[str, Any]:
    return {"t": event.t, "ts": event.ts, "seq": event.seq, "d": event.d}
