"""The rules of a gift for the first N: what may be opened, who may claim, what the room is told.

Who is among the first is decided in the store; the end is `handout_duty.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from room import conditions as asked_for
from room import fairness, lottery
from room.conditions import Standing
from room.errors import Refused
from room.events import Event, GiftClosed, GiftOpened
from room.handout_ports import Handout, Settled
from room.limits import GIFT_QUOTA_MAX, GIFTS_OPEN_MAX, PRIZE_GRAPHEMES_MAX
from room.shapes import Claim, Conditions, Gift, User, plain
from room.state import RoomState, require_live
from room.text import clean


@dataclass(frozen=True, slots=True)
class GiftSpec:
    """A gift as the host asks for it, checked. `close_ms` is Unix ms, None: until none is left."""

    title: str
    quota: int
    conditions: Conditions
    close_ms: int | None


def spec(
    *,
    title: str,
    quota: int,
    now_ms: int,
    conditions: object = None,
    watch_s: int | None = None,
    close_ms: int | None = None,
) -> GiftSpec:
    """`watch_s` is short for that condition. Refuses bad_request and too_long."""
    if not 1 <= quota <= GIFT_QUOTA_MAX:
        raise Refused("bad_request", f"quota must be between 1 and {GIFT_QUOTA_MAX}")
    if watch_s:
        given = conditions if isinstance(conditions, dict) else {}
        conditions = {**given, "watch_s": watch_s}
    checked = lottery.spec(
        winners=1, prize=title, now_ms=now_ms, conditions=conditions, close_ms=close_ms
    )
    return GiftSpec(
        title=clean(title, graphemes_max=PRIZE_GRAPHEMES_MAX, field="title"),
        quota=quota,
        conditions=checked.conditions,
        close_ms=checked.close_ms,
    )


def record(asked: GiftSpec, *, room_id: str, gift_id: str, now_ms: int) -> Handout:
    """The gift with its rules committed to."""
    rules = lottery.canonical(
        {
            "close_ms": asked.close_ms,
            "conditions": plain(asked.conditions),
            "gift_id": gift_id,
            "open_ms": now_ms,
            "quota": asked.quota,
            "room_id": room_id,
            "title": asked.title,
        }
    )
    gift = Gift(
        gift_id=gift_id,
        state="open",
        title=asked.title,
        quota=asked.quota,
        conditions=asked.conditions,
        open_ms=now_ms,
        close_ms=asked.close_ms,
        left=asked.quota,
        rules_hash=fairness.sha256_hex(rules.encode()),
    )
    return Handout(room_id=room_id, gift=gift, rules=rules)


def require_may_open(state: RoomState) -> None:
    require_live(state)
    if sum(gift.state == "open" for gift in state.gifts.values()) >= GIFTS_OPEN_MAX:
        raise Refused("conflict", f"{GIFTS_OPEN_MAX} gifts are open already")


def require_known(state: RoomState, gift_id: str) -> Gift:
    gift = state.gifts.get(gift_id)
    if gift is None:
        raise Refused("not_found", "no such gift in this room")
    return gift


def require_qualified(gift: Gift, standing: Standing) -> None:
    """Refuse not_qualified; the details say what lacks. `present` means: when claiming."""
    asked_for.require_qualified(gift.conditions, standing)
    if gift.conditions.present is True and not standing.here:
        raise Refused(
            "not_qualified", "only for people in the room", details={"condition": "present"}
        )


def told_opened(state: RoomState, gift: Gift) -> tuple[Event, ...]:
    """The event that is still lacking in the room, if any. So with all `told_*`."""
    if gift.gift_id in state.gifts:
        return ()
    require_may_open(state)
    return (GiftOpened(gift),)


def told_closed(state: RoomState, gift: Gift, settled: Settled) -> tuple[Event, ...]:
    known = state.gifts.get(gift.gift_id)
    if known is None or known.state != "open":
        return ()
    root = settled.running_hash or fairness.chain_start(gift.gift_id)
    return (GiftClosed(gift.gift_id, settled.state, settled.claimed_count, root),)


def proof(
    handout: Handout, settled: Settled | None, claims: Sequence[Claim], claimed_count: int
) -> dict[str, object]:
    """What anybody may know; who was first once it is over."""
    gift = handout.gift
    assert gift is not None, "asked for the proof of another kind"
    public: dict[str, object] = {
        "gift_id": gift.gift_id,
        "room_id": handout.room_id,
        "state": settled.state if settled is not None else "open",
        "title": gift.title,
        "quota": gift.quota,
        "rules": handout.rules,
        "rules_hash": gift.rules_hash,
        "claimed_count": claimed_count,
        "algorithm": "r0=sha256(gift_id), r=sha256(r_previous ':' user_id), entries_root=last r",
    }
    if settled is not None:
        public |= {
            "entries_root": settled.running_hash or fairness.chain_start(gift.gift_id),
            "claims": [_public(claim) for claim in claims],
        }
    return public


def _public(claim: Claim) -> dict[str, object]:
    return {
        "position": claim.index + 1,
        "user_id": claim.user_id,
        "name": claim.name,
        "running_hash": claim.running_hash,
        "ts": claim.ts,
    }


def require_person(state: RoomState, user: User) -> None:
    """Refuse login_required and banned; for rains too."""
    if user.role == "guest":
        raise Refused("login_required", "log in to take part")
    if user.id in state.banned:
        raise Refused("banned", "you are banned from this room")
