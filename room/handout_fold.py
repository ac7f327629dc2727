"""What the events of rains and gifts mean for a room's state. Nothing is decided here."""

from __future__ import annotations

from msgspec.structs import replace

from room.events import GiftClosed, GiftOpened, RainEnded, RainStarted
from room.limits import GIFTS_MAX
from room.shapes import Gift, Rain


def rain_after(rain: Rain | None, event: RainStarted | RainEnded) -> Rain | None:
    """The room shows one rain: the last, also when it is over."""
    if isinstance(event, RainStarted):
        return event.rain
    if rain is None or rain.rain_id != event.rain_id:
        return rain
    return replace(
        rain,
        state=event.state,
        left=rain.count - event.claimed_count,
        claimed_count=event.claimed_count,
        claimed_cents=event.claimed_cents,
        returned_cents=event.returned_cents,
    )


def gifts_after(gifts: dict[str, Gift], event: GiftOpened | GiftClosed) -> dict[str, Gift]:
    """Keep the newest; of those that are over the oldest make room first."""
    if isinstance(event, GiftOpened):
        kept = {**gifts, event.gift.gift_id: event.gift}
        over = [key for key, gift in kept.items() if gift.state != "open"]
        for key in over[: max(0, len(kept) - GIFTS_MAX)]:
            del kept[key]
        return kept
    gift = gifts.get(event.gift_id)
    if gift is None:
        return gifts
    closed = replace(
        gift,
        state=event.state,
        left=gift.quota - event.claimed_count,
        entries_root=event.entries_root,
    )
    return {**gifts, event.gift_id: closed}
