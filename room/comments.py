"""Who may say what in a room: the one place where a muted user is stopped.

A comment is chat, not a critical event: posting returns the comment itself. Pinning, unpinning and
deleting are events. Which comments reach which viewer is `sampling.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, cast

import msgspec
from msgspec import UNSET

from room.errors import Refused
from room.events import CommentDeleted, CommentPinned, CommentUnpinned, Event
from room.folding import same_key
from room.limits import (
    COMMENT_BYTES_MAX,
    COMMENT_GRAPHEMES_MAX,
    PINNED_COMMENTS_MAX,
    REPLY_QUOTE_GRAPHEMES_MAX,
)
from room.shapes import STAFF_ROLES, Comment, Quote, Speaker, User, plain
from room.state import RoomState, require_live
from room.text import clean, cut
from room.words import SensitiveWords, Verdict, judge

# Members have a tie to the shop: they speak among followers.
_FOLLOWER_ROLES: Final = frozenset({"member"}) | STAFF_ROLES


@dataclass(frozen=True, slots=True)
class Turn:
    """How often one person may speak: once in `gap_ms`, with `burst` saved up at most."""

    gap_ms: int
    burst: int


@dataclass(frozen=True, slots=True)
class Posted:
    """A comment the rules let pass; `held` means that staff must see it first."""

    comment: Comment
    held: bool = False


def post(
    state: RoomState,
    user: User,
    text: str,
    *,
    comment_id: str,
    words: Iterable[SensitiveWords],
    now_ms: int,
    reply_to: Mapping[str, object] | None = None,
    speaker: Speaker | None = None,
    follower: bool = False,
    mentions: tuple[str, ...] = (),
) -> Posted:
    """The comment as the room may see it, or a refusal, the person judged before the text.

    `reply_to` is the `d` of the comment answered; `speaker` marks a buyer (see `speaker()`);
    `follower` says whether they follow the host, which `needs_following` asks for.
    """
    require_may_speak(state, user, now_ms, follower=follower)
    line = clean(text, graphemes_max=COMMENT_GRAPHEMES_MAX, bytes_max=COMMENT_BYTES_MAX)
    judged = judge(line, words)
    comment = Comment(
        id=comment_id,
        user=speaker if speaker is not None else Speaker(user.id, user.name, user.role),
        text=judged.text,
        reply_to=_quote(reply_to) if reply_to is not None else UNSET,
        mentions=mentions or UNSET,
    )
    return Posted(comment, held=judged.verdict is Verdict.REVIEW and not user.staff)


def speaker(user: User, *, paid: bool) -> Speaker:
    """The author's mark: whether they have bought in this room."""
    return Speaker(user.id, user.name, user.role, buyer=True if paid else UNSET)


def wire(comment: Comment) -> dict[str, object]:
    """The `d` of the chat event."""
    return cast(dict[str, object], plain(comment))


def needs_following(state: RoomState, user: User) -> bool:
    """Whether only a follower of the host may speak at the moment, and this person may be none."""
    return state.settings.followers_only and user.role not in _FOLLOWER_ROLES


def require_may_speak(state: RoomState, user: User, now_ms: int, *, follower: bool = False) -> None:
    """Refuse with room_ended, login_required, banned, muted or forbidden, in this order."""
    require_live(state)
    if user.role == "guest":
        raise Refused("login_required", "log in to comment")
    if user.id in state.banned:
        raise Refused("banned", "you are banned from this room")
    muted_ms = state.muted.get(user.id, 0) - now_ms
    if muted_ms > 0:
        raise Refused("muted", "you are muted in this room", retry_ms=muted_ms)
    if needs_following(state, user) and not follower:
        raise Refused("forbidden", "only followers may comment now")


def turn(state: RoomState, user: User) -> Turn | None:
    """The pace this person must keep; None for no limit. Staff are not slowed."""
    settings = state.settings
    if user.staff:
        return None
    if settings.slow_mode_s > 0:
        return Turn(gap_ms=settings.slow_mode_s * 1_000, burst=1)
    per_s = settings.comments_per_user_per_s
    if per_s == 0:
        return None
    return Turn(gap_ms=1_000 // per_s, burst=per_s)


def refuse_turn(state: RoomState, retry_ms: int) -> None:
    """Refuse with slow_mode or rate_limited when the wait is not 0."""
    if retry_ms <= 0:
        return
    if state.settings.slow_mode_s > 0:
        raise Refused("slow_mode", "slow mode is on", retry_ms=retry_ms)
    raise Refused("rate_limited", "you are commenting too fast", retry_ms=retry_ms)


def text_key(text: str) -> str:
    """What two texts that are the same to a reader share, as hex of fixed length."""
    return hashlib.blake2b(same_key(text).encode(), digest_size=16).hexdigest()


def refuse_duplicate(retry_ms: int) -> None:
    """Refuse with duplicate when the wait is not 0."""
    if retry_ms > 0:
        raise Refused("duplicate", "the same was said here a moment ago", retry_ms=retry_ms)


def fold_key(comment: Comment) -> str:
    """By what a comment is folded with others; empty for one that is meant for somebody."""
    if comment.user.role in STAFF_ROLES or comment.reply_to or comment.mentions:
        return ""
    return same_key(comment.text)


def is_deleted(state: RoomState, comment_id: str) -> bool:
    """Whether a remembered comment must not be shown to late joiners."""
    return comment_id in state.deleted


def pin(state: RoomState, comment: Mapping[str, object]) -> tuple[Event, ...]:
    """Pin a comment by its `d`. A pinned one stays; at three the host unpins one first."""
    require_live(state)
    pinned = _comment(comment)
    if is_deleted(state, pinned.id):
        raise Refused("not_found", "that comment was deleted")
    if any(known.id == pinned.id for known in state.pinned):
        return ()
    if len(state.pinned) >= PINNED_COMMENTS_MAX:
        raise Refused("conflict", f"{PINNED_COMMENTS_MAX} comments are pinned: unpin one first")
    return (CommentPinned(pinned),)


def unpin(state: RoomState, comment_id: str) -> tuple[Event, ...]:
    if not any(known.id == comment_id for known in state.pinned):
        raise Refused("not_found", "that comment is not pinned")
    return (CommentUnpinned(comment_id),)


def delete(state: RoomState, comment_id: str, *, by: User) -> tuple[Event, ...]:
    """Take a comment from every screen. Twice is the same as once."""
    if is_deleted(state, comment_id):
        return ()
    return (CommentDeleted(comment_id, by.id),)


def _comment(d: Mapping[str, object]) -> Comment:
    try:
        return msgspec.convert(d, Comment)
    except msgspec.ValidationError as wrong:
        raise Refused("bad_request", "that is not a comment") from wrong


def _quote(d: Mapping[str, object]) -> Quote:
    answered = _comment(d)
    line = cut(answered.text, REPLY_QUOTE_GRAPHEMES_MAX)
    return Quote(answered.id, answered.user.name, line)
