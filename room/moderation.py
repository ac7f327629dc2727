"""Muting, banning, and who helps. `comments.py` and the gateway stop the muted and the banned."""

from __future__ import annotations

from room.errors import Refused
from room.events import AssistantChanged, Event, UserBanned, UserMuted, WordsChanged
from room.limits import ASSISTANTS_MAX, BANS_MAX, MUTE_S_MAX, MUTES_MAX
from room.shapes import User
from room.state import RoomState


def mute(
    state: RoomState, *, user_id: str, seconds: int, by: User, now_ms: int
) -> tuple[Event, ...]:
    """Silence a person for `seconds`; 0 lifts it. Refuses forbidden, bad_request, conflict."""
    _require_other(state, user_id, by)
    if not 0 <= seconds <= MUTE_S_MAX:
        raise Refused("bad_request", f"seconds must be between 0 and {MUTE_S_MAX}")
    if seconds == 0:
        return (UserMuted(user_id, 0, by.id),) if user_id in state.muted else ()
    active = sum(until > now_ms for key, until in state.muted.items() if key != user_id)
    if active >= MUTES_MAX:
        raise Refused("conflict", f"{MUTES_MAX} people are muted already")
    return (UserMuted(user_id, now_ms + seconds * 1_000, by.id),)


def ban(state: RoomState, *, user_id: str, by: User) -> tuple[Event, ...]:
    """Keep a person out of the room. Twice is the same as once."""
    _require_other(state, user_id, by)
    if user_id in state.banned:
        return ()
    if len(state.banned) >= BANS_MAX:
        raise Refused("conflict", f"{BANS_MAX} people are banned already")
    return (UserBanned(user_id, by.id, lifted=False),)


def unban(state: RoomState, *, user_id: str, by: User) -> tuple[Event, ...]:
    """Let a banned person in again. Who is not banned stays so."""
    if user_id not in state.banned:
        return ()
    return (UserBanned(user_id, by.id, lifted=True),)


def appoint(state: RoomState, *, user_id: str, by: User) -> tuple[Event, ...]:
    """Make a person an assistant of this room. Twice is the same as once."""
    _require_other(state, user_id, by)
    if user_id in state.assistants:
        return ()
    if user_id in state.banned:
        raise Refused("conflict", "a banned person cannot help")
    if len(state.assistants) >= ASSISTANTS_MAX:
        raise Refused("conflict", f"{ASSISTANTS_MAX} people help already")
    return (AssistantChanged(user_id, by.id, appointed=True),)


def dismiss(state: RoomState, *, user_id: str, by: User) -> tuple[Event, ...]:
    """Take the role back. Who has none stays without."""
    if user_id not in state.assistants:
        return ()
    return (AssistantChanged(user_id, by.id, appointed=False),)


def words_changed(state: RoomState, *, by: User) -> tuple[Event, ...]:
    """Tell every worker that the room's own words are to be read again."""
    return (WordsChanged(state.words_rev + 1, by.id),)


def banned(state: RoomState, user_id: str) -> bool:
    return user_id in state.banned


def muted_until_ms(state: RoomState, user_id: str, now_ms: int) -> int:
    """When the mute ends, Unix ms; 0 when the person is not muted."""
    until_ms = state.muted.get(user_id, 0)
    return until_ms if until_ms > now_ms else 0


def _require_other(state: RoomState, user_id: str, by: User) -> None:
    if user_id == by.id:
        raise Refused("forbidden", "you cannot do that to yourself")
    if user_id == state.host.id:
        raise Refused("forbidden", "you cannot do that to the host")
