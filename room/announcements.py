"""The one line above the chat that the host sets for everybody."""

from __future__ import annotations

from room.events import AnnouncementMade, Event
from room.limits import ANNOUNCEMENT_GRAPHEMES_MAX
from room.state import RoomState, require_live
from room.text import clean, normalise


def announce(state: RoomState, text: str, now_ms: int) -> tuple[Event, ...]:
    """Set the announcement; an empty text clears it. Refuses with too_long."""
    require_live(state)
    if not normalise(text[:ANNOUNCEMENT_GRAPHEMES_MAX]) and not text.strip():
        return (AnnouncementMade("", now_ms),) if state.announcement is not None else ()
    line = clean(text, graphemes_max=ANNOUNCEMENT_GRAPHEMES_MAX)
    return (AnnouncementMade(line, now_ms),)
