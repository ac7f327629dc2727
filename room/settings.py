"""What the host may turn in a room while it is on, and the end of the room."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import UNSET

from room.addresses import clean_address
from room.errors import Refused
from room.events import Event, RoomChanged, RoomEnded
from room.limits import (
    CHAT_PER_VIEWER_PER_S_MAX,
    COMMENTS_PER_USER_PER_S_MAX,
    LOTTERIES_AT_ONCE_MAX,
    SLOW_MODE_S_MAX,
    TITLE_GRAPHEMES_MAX,
    UNIQUE_CHAT_S_MAX,
)
from room.shapes import Settings, User
from room.state import RoomState, require_live
from room.text import clean

_BOUNDS: Final = {
    "slow_mode_s": SLOW_MODE_S_MAX,
    "unique_chat_s": UNIQUE_CHAT_S_MAX,
    "comments_per_user_per_s": COMMENTS_PER_USER_PER_S_MAX,
    "chat_per_viewer_per_s": CHAT_PER_VIEWER_PER_S_MAX,
    "lotteries_at_once": LOTTERIES_AT_ONCE_MAX,
}
_LOWEST: Final = {"lotteries_at_once": 1}  # where 0 does not mean "no limit"
_BESIDE: Final = frozenset({"title", "stream_url", "host"})


def change(state: RoomState, changes: Mapping[str, object]) -> tuple[Event, ...]:
    """Turn the named settings, leave the others. Nothing new means no event.

    Refuses unknown keys, wrong types and numbers out of bounds with bad_request.
    """
    require_live(state)
    if not changes:
        raise Refused("bad_request", "nothing to change")
    settings = _settings(state.settings, changes)
    title = changes.get("title")
    stream_url = changes.get("stream_url")
    event = RoomChanged(
        settings=settings,
        title=UNSET if title is None else clean_title(_text(title, "title")),
        stream_url=UNSET
        if stream_url is None
        else clean_address(_text(stream_url, "stream_url"), field="stream_url"),
        host=_host(changes),
    )
    return (event,) if _differs(state, event) else ()


def clean_title(title: str) -> str:
    return clean(title, graphemes_max=TITLE_GRAPHEMES_MAX, field="title")


def end(state: RoomState) -> tuple[Event, ...]:
    """Close the room for good. Twice is the same as once."""
    return (RoomEnded(),) if state.status == "live" else ()


def _settings(before: Settings, changes: Mapping[str, object]) -> Settings:
    asked = {key: value for key, value in changes.items() if key not in _BESIDE}
    try:
        settings = msgspec.convert(msgspec.structs.asdict(before) | asked, Settings, strict=True)
    except msgspec.ValidationError as wrong:
        raise Refused("bad_request", str(wrong)) from wrong
    for key, highest in _BOUNDS.items():
        lowest = _LOWEST.get(key, 0)
        if not lowest <= getattr(settings, key) <= highest:
            raise Refused("bad_request", f"{key} must be between {lowest} and {highest}")
    return settings


def _text(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise Refused("bad_request", f"{field} must be a string")
    return value


def _host(changes: Mapping[str, object]) -> User | msgspec.UnsetType:
    host = changes.get("host")
    if host is None:
        return UNSET
    try:
        return host if isinstance(host, User) else msgspec.convert(host, User)
    except msgspec.ValidationError as wrong:
        raise Refused("bad_request", "host must be a user") from wrong


def _differs(state: RoomState, event: RoomChanged) -> bool:
    return (
        event.settings != state.settings
        or event.title not in (UNSET, state.title)
        or event.stream_url not in (UNSET, state.stream_url)
        or event.host not in (UNSET, state.host)
    )
