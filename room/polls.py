"""The rules of a poll: what may be asked, what counts as an answer, what the room is told.

A vote is final: one may repeat it, not change it, so that nobody's vote can be bought back and the
counts only ever grow. Counting is the store's; the order of the steps is `polling.py`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from room.errors import Refused
from room.events import Event, PollClosed, PollOpened
from room.limits import (
    POLL_OPTION_GRAPHEMES_MAX,
    POLL_OPTIONS_MAX,
    POLL_OPTIONS_MIN,
    POLL_QUESTION_GRAPHEMES_MAX,
    POLL_S_MAX,
    POLL_S_MIN,
    POLLS_OPEN_MAX,
)
from room.shapes import Poll
from room.state import RoomState, require_live
from room.text import clean


@dataclass(frozen=True, slots=True)
class Tally:
    """How a poll stands: votes per option, and people (fewer when several may be chosen)."""

    counts: tuple[int, ...]
    voters: int


def made(
    *,
    poll_id: str,
    question: str,
    options: Sequence[str],
    close_s: int | None,
    multiple: bool,
    now_ms: int,
) -> Poll:
    """A new poll as asked for. Refuses bad_request and too_long."""
    if not POLL_OPTIONS_MIN <= len(options) <= POLL_OPTIONS_MAX:
        number = f"{POLL_OPTIONS_MIN} to {POLL_OPTIONS_MAX}"
        raise Refused("bad_request", f"a poll has {number} options")
    if close_s is not None and not POLL_S_MIN <= close_s <= POLL_S_MAX:
        raise Refused("bad_request", f"close_s must be between {POLL_S_MIN} and {POLL_S_MAX}")
    worded = tuple(
        clean(option, graphemes_max=POLL_OPTION_GRAPHEMES_MAX, field="options")
        for option in options
    )
    if len({option.casefold() for option in worded}) != len(worded):
        raise Refused("bad_request", "the options must be different")
    return Poll(
        poll_id=poll_id,
        state="open",
        question=clean(question, graphemes_max=POLL_QUESTION_GRAPHEMES_MAX, field="question"),
        options=worded,
        multiple=multiple,
        open_ms=now_ms,
        close_ms=None if close_s is None else now_ms + close_s * 1_000,
        counts=(0,) * len(worded),
    )


def told_opened(state: RoomState, poll: Poll) -> tuple[Event, ...]:
    """Refuses room_ended, and conflict when too many are open."""
    require_live(state)
    if poll.poll_id in state.polls:
        return ()
    if sum(known.state == "open" for known in state.polls.values()) >= POLLS_OPEN_MAX:
        raise Refused("conflict", f"{POLLS_OPEN_MAX} polls are open already: close one first")
    return (PollOpened(poll),)


def told_closed(state: RoomState, poll_id: str, tally: Tally | None) -> tuple[Event, ...]:
    """Without a tally it has no result: votes were lost."""
    poll = state.polls.get(poll_id)
    if poll is None or poll.state == "closed":
        return ()
    if tally is None:
        return (PollClosed(poll_id, (0,) * len(poll.options), 0, void=True),)
    return (PollClosed(poll_id, tally.counts, tally.voters),)


def require_known(state: RoomState, poll_id: str) -> Poll:
    poll = state.polls.get(poll_id)
    if poll is None:
        raise Refused("not_found", "no such poll in this room")
    return poll


def choice(state: RoomState, poll_id: str, options: Sequence[int]) -> tuple[Poll, tuple[int, ...]]:
    """The poll and the options chosen, in their order.

    Refuses room_ended, not_found, and bad_request for what cannot be chosen.
    """
    require_live(state)
    poll = require_known(state, poll_id)
    chosen = tuple(sorted(set(options)))
    if not chosen or len(chosen) != len(options):
        raise Refused("bad_request", "choose an option, and none twice")
    if len(chosen) > 1 and not poll.multiple:
        raise Refused("bad_request", "this poll takes one option")
    if not 0 <= chosen[0] <= chosen[-1] < len(poll.options):
        raise Refused("bad_request", f"options are numbered 0 to {len(poll.options) - 1}")
    return poll, chosen
