"""Who is muted, banned or appointed after an event: the maps of `state.py`, each bounded.

Nothing is decided here (`moderation.py` does), and no map is changed in place.
"""

from __future__ import annotations

from collections.abc import Mapping

from room.limits import ASSISTANTS_MAX, BANS_MAX, MUTES_MAX

_APPOINTABLE = frozenset({"viewer", "member"})


def muted(before: Mapping[str, int], user_id: str, until_ms: int) -> dict[str, int]:
    """At the bound the mute that runs out first goes; the rule made sure it has run out."""
    kept = {key: until for key, until in before.items() if key != user_id}
    if until_ms == 0:
        return kept
    if len(kept) >= MUTES_MAX:
        del kept[min(kept, key=lambda key: (kept[key], key))]
    return {**kept, user_id: until_ms}


def banned(before: Mapping[str, str], user_id: str, by: str, *, lifted: bool) -> dict[str, str]:
    kept = {key: who for key, who in before.items() if key != user_id}
    if lifted or len(kept) >= BANS_MAX:
        return kept
    return {**kept, user_id: by}


def appointed(
    before: Mapping[str, str], user_id: str, by: str, *, appointed: bool
) -> dict[str, str]:
    kept = {key: who for key, who in before.items() if key != user_id}
    if not appointed or len(kept) >= ASSISTANTS_MAX:
        return kept
    return {**kept, user_id: by}


def role_here(assistants: Mapping[str, str], user_id: str, role: str) -> str:
    """The role a person has in this room: the token's, or what the host made of them."""
    return "assistant" if role in _APPOINTABLE and user_id in assistants else role
