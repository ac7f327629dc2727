"""Who a comment calls: "@name" in the text, or an id the client names, among those who spoke.

Only recent speakers can be called, so a comment cannot be used to ring people who are not taking
part, and a name is looked for among at most `SPEAKERS_KNOWN_MAX`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from room.limits import MENTIONS_MAX, SPEAKERS_KNOWN_MAX


class RecentSpeakers:
    """The people who spoke last, by id, the latest last."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def note(self, user_id: str, name: str) -> None:
        """Somebody spoke; past the bound whoever has been silent longest is forgotten."""
        self._names.pop(user_id, None)
        self._names[user_id] = name
        if len(self._names) > SPEAKERS_KNOWN_MAX:
            del self._names[next(iter(self._names))]

    @property
    def names(self) -> Mapping[str, str]:
        """Name by id, whoever spoke last at the end."""
        return self._names


def all_known(text: str, asked: Sequence[str], speakers: Mapping[str, str]) -> bool:
    """Whether everybody the comment seems to call is among the speakers."""
    names = {name for name in speakers.values() if name}
    if any(each not in speakers and each.removeprefix("@") not in names for each in asked):
        return False
    calls = [part for part in text.split("@")[1:] if part and not part[0].isspace()]
    return all(any(part.startswith(name) for name in names) for part in calls)


def resolve(
    text: str, asked: Sequence[str], speakers: Mapping[str, str], *, by: str
) -> tuple[str, ...]:
    """Ids of the people called, at most `MENTIONS_MAX`, never the author.

    `asked` are ids or names; of two people with one name the one who spoke last is meant.
    """
    if not asked and "@" not in text:
        return ()
    by_name = {name: user_id for user_id, name in speakers.items() if name}
    found: dict[str, None] = {}
    for each in asked:
        user_id = each if each in speakers else by_name.get(each.removeprefix("@"))
        if user_id is not None:
            found[user_id] = None
    longest_first = sorted(by_name, key=len, reverse=True)
    for part in text.split("@")[1:]:
        name = next((name for name in longest_first if part.startswith(name)), None)
        if name is not None:
            found[by_name[name]] = None
    found.pop(by, None)
    return tuple(found)[:MENTIONS_MAX]
