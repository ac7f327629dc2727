"""The answer to `hello`: who you are, where the room stands, and what you missed.

Everything comes from this worker's memory but whether the person follows the host; a thousand
reconnecting viewers cost the store a few reads between them.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from room.ports import Sequenced
from room.standing import role_here
from room.visits import DIRECT, Visit
from server.commands.fields import Id
from server.context import Services
from server.errors import CommandRefused
from server.fanout import LiveRoom
from server.tokens import ID_PATTERN, Identity
from server.wire import CLIENT_FRAME_BYTES_MAX, COMMANDS_PER_FRAME_MAX, ID_MAX, Codec

PING_S = 25  # clients ping this often; proxies close what is silent for 30 to 60 s
TOKEN_CHARS_MAX = 4096
EPOCH_CHARS_MAX = 64


class Resume(msgspec.Struct, frozen=True):
    """Where the viewer was when it lost its socket."""

    epoch: Annotated[str, msgspec.Meta(max_length=EPOCH_CHARS_MAX)]
    seq: Annotated[int, msgspec.Meta(ge=0, le=ID_MAX)]


class Entry(msgspec.Struct, frozen=True):
    """What the link said that somebody came by. Kept for the figures; it grants nothing."""

    src: Id | None = None
    channel: Id | None = None
    bucket: Id | None = None
    inviter: Id | None = None


class HelloParams(msgspec.Struct, frozen=True, kw_only=True):
    """`hello {token, resume, device, entry}`. The device is what the client calls it: it serves
    limits, and to know a guest again."""

    token: Annotated[str, msgspec.Meta(max_length=TOKEN_CHARS_MAX)] | None = None
    resume: Resume | None = None
    device: Id | None = None
    entry: Entry = Entry()

    @classmethod
    def decode(cls, raw: bytes | msgspec.Raw, codec: Codec) -> HelloParams:
        """Decode the fields of a hello; refuses `bad_request`."""
        decode = msgspec.json.decode if codec is Codec.JSON else msgspec.msgpack.decode
        try:
            return decode(raw, type=cls)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise CommandRefused("bad_request", str(error)) from error


def visit_of(user: Identity, params: HelloParams, now_ms: int) -> Visit | None:
    """The arrival to be counted; None for staff and for who comes back after a lost line."""
    if params.resume is not None or user.is_staff:
        return None
    entry = params.entry
    return Visit(
        user.user_id,
        now_ms,
        src=entry.src or _label(user.src) or DIRECT,
        channel=entry.channel or "",
        bucket=entry.bucket or "",
        inviter=entry.inviter or "",
    )


def _label(src: str | None) -> str:
    """A token's source, when it can be a label."""
    return src if src is not None and ID_PATTERN.fullmatch(src) else ""


def greet(
    services: Services,
    room: LiveRoom,
    user: Identity,
    params: HelloParams,
    codec: Codec,
    *,
    following: bool,
) -> dict[str, Any]:
    """The `ok` of a hello: a snapshot as of the room's last tick, and the events since `resume`.

    `recovered` is true only when every critical event after `resume` is in `events`.
    """
    missed = _missed(room, params.resume)
    stamp = services.hub.ticker.stamp()
    state, recent = room.greeting(codec)
    settings = room.replica.state.settings
    role = role_here(room.replica.state.assistants, user.user_id, user.role)
    return {
        "user": {**user.to_wire(), "role": role, "following": following},
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
