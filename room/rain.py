"""The rules of a red-packet rain: what may be started, what the room is told, what is published.

Arithmetic is `packets.py`; who gets what is decided in the store; the end is `handout_duty.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from room import packets
from room.errors import Refused
from room.events import Event, RainEnded, RainStarted
from room.handout_ports import Handout, Settled
from room.limits import (
    RAIN_COUNT_MAX,
    RAIN_COUNTDOWN_S_MAX,
    RAIN_PER_USER_MAX,
    RAIN_S_MAX,
    RAIN_TOTAL_CENTS_MAX,
)
from room.shapes import Claim, Rain
from room.state import RoomState, require_live


@dataclass(frozen=True, slots=True)
class RainSpec:
    """A rain as the host asks for it, checked."""

    total_cents: int
    count: int
    seconds: int
    per_user: int
    starts_in_s: int


def spec(
    *, total_cents: int, count: int, seconds: int, per_user: int = 1, starts_in_s: int = 0
) -> RainSpec:
    """Refuses bad_request: every packet holds a cent at least."""
    bounds = (
        ("count", count, 1, RAIN_COUNT_MAX),
        ("total_cents", total_cents, count, RAIN_TOTAL_CENTS_MAX),
        ("seconds", seconds, 1, RAIN_S_MAX),
        ("per_user", per_user, 1, min(count, RAIN_PER_USER_MAX)),
        ("starts_in_s", starts_in_s, 0, RAIN_COUNTDOWN_S_MAX),
    )
    for name, given, least, most in bounds:
        if not least <= given <= most:
            raise Refused("bad_request", f"{name} must be between {least} and {most}")
    return RainSpec(total_cents, count, seconds, per_user, starts_in_s)


def record(asked: RainSpec, *, room_id: str, rain_id: str, seed: bytes, now_ms: int) -> Handout:
    """The rain with its amounts fixed and committed to. `seed` is 32 bytes, securely random."""
    shares = packets.amounts(seed, rain_id, total_cents=asked.total_cents, count=asked.count)
    open_ms = now_ms + asked.starts_in_s * 1_000
    rain = Rain(
        rain_id=rain_id,
        state="open",
        total_cents=asked.total_cents,
        count=asked.count,
        per_user=asked.per_user,
        open_ms=open_ms,
        close_ms=open_ms + asked.seconds * 1_000,
        amounts_hash=packets.amounts_hash(seed, rain_id, shares),
        left=asked.count,
    )
    return Handout(room_id=room_id, rain=rain, seed=seed.hex(), amounts=shares)


def require_may_start(state: RoomState) -> None:
    """Refuse room_ended, and conflict while another rain falls."""
    require_live(state)
    if state.rain is not None and state.rain.state == "open":
        raise Refused("conflict", "a red-packet rain is under way")


def told_started(state: RoomState, rain: Rain) -> tuple[Event, ...]:
    """The event that is still lacking in the room, if any. So with all `told_*`."""
    if state.rain is not None and state.rain.rain_id == rain.rain_id:
        return ()
    require_may_start(state)
    return (RainStarted(rain),)


def told_ended(state: RoomState, rain: Rain, settled: Settled) -> tuple[Event, ...]:
    """Nothing for a rain the room was never told of: nobody could grab in it."""
    known = state.rain
    if known is None or known.rain_id != rain.rain_id or known.state != "open":
        return ()
    returned_cents = rain.total_cents - settled.claimed_cents
    ended = RainEnded(
        rain.rain_id, settled.state, settled.claimed_count, settled.claimed_cents, returned_cents
    )
    return (ended,)


def proof(
    handout: Handout, settled: Settled | None, claims: Sequence[Claim], claimed_count: int
) -> dict[str, object]:
    """What anybody may know. Seed, amounts and claims only after the end."""
    rain = handout.rain
    assert rain is not None, "asked for the proof of another kind"
    public: dict[str, object] = {
        "rain_id": rain.rain_id,
        "room_id": handout.room_id,
        "state": settled.state if settled is not None else "open",
        "total_cents": rain.total_cents,
        "count": rain.count,
        "per_user": rain.per_user,
        "open_ms": rain.open_ms,
        "close_ms": rain.close_ms,
        "amounts_hash": rain.amounts_hash,
        "algorithm": packets.ALGORITHM,
        "claimed_count": claimed_count,
    }
    if settled is not None:
        public |= {
            "seed": handout.seed,
            "amounts": list(handout.amounts),
            "claims": [_public(claim) for claim in claims],
            "claimed_cents": settled.claimed_cents,
            "returned_cents": rain.total_cents - settled.claimed_cents,
        }
    return public


def _public(claim: Claim) -> dict[str, object]:
    return {
        "index": claim.index,
        "user_id": claim.user_id,
        "name": claim.name,
        "amount_cents": claim.amount_cents,
        "ts": claim.ts,
    }


def require_known(state: RoomState, rain_id: str) -> Rain:
    if state.rain is None or state.rain.rain_id != rain_id:
        raise Refused("not_found", "no such rain in this room")
    return state.rain
