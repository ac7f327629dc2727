"""Who may say what, how often, and what is pinned or deleted."""

from __future__ import annotations

import pytest

from room import comments
from room.errors import Refused
from room.events import RoomChanged, RoomEnded, UserBanned, UserMuted
from room.shapes import Comment, Settings, Speaker, User
from room.state import RoomState
from tests.room.people import GUEST, HELPER, HOST, MEMBER, NOW_MS, VIEWER, WORDS, a_room, after


def post(state: RoomState, user: User = VIEWER, text: str = "你好") -> Comment:
    return comments.post(state, user, text, comment_id="c1", words=[WORDS], now_ms=NOW_MS).comment


def refusal(state: RoomState, user: User = VIEWER, text: str = "你好") -> Refused:
    with pytest.raises(Refused) as refused:
        post(state, user, text)
    return refused.value


def test_a_comment_carries_its_author_and_clean_text() -> None:
    comment = post(a_room(), text=" 多少钱\u202e ")
    assert comments.wire(comment) == {
        "id": "c1",
        "user": {"id": "u1", "name": "小明", "role": "viewer"},
        "text": "多少钱",
    }


def test_a_buyer_is_marked_and_a_reply_quotes() -> None:
    answered = comments.wire(post(a_room(), text="字" * 100))
    comment = comments.post(
        a_room(),
        MEMBER,
        "yes",
        comment_id="c2",
        words=[WORDS],
        now_ms=NOW_MS,
        reply_to=answered,
        speaker=comments.speaker(MEMBER, paid=True),
        mentions=("u1",),
    ).comment
    d = comments.wire(comment)
    assert d["user"] == {"id": "u2", "name": "Ann", "role": "member", "buyer": True}
    assert d["mentions"] == ["u1"]
    assert comments.fold_key(comment) == ""
    assert d["reply_to"] == {"id": "c1", "name": "小明", "text": "字" * 60}


def test_every_refusal_in_order_of_precedence() -> None:
    muted = UserMuted("u1", NOW_MS + 5_000, HOST.id)
    banned = UserBanned("u1", HOST.id, lifted=False)
    followers = RoomChanged(Settings(followers_only=True))
    state = a_room(followers)
    assert refusal(state).code == "forbidden"
    state = after(state, [muted])
    assert (refusal(state).code, refusal(state).retry_ms) == ("muted", 5_000)
    state = after(state, [banned])
    assert refusal(state).code == "banned"
    assert refusal(state, GUEST).code == "login_required"
    state = after(state, [RoomEnded()])
    assert refusal(state, GUEST).code == "room_ended"


def test_the_text_is_judged_after_the_person() -> None:
    assert refusal(a_room(), text=" ").code == "bad_request"
    assert refusal(a_room(), text="字" * 201).code == "too_long"
    assert refusal(a_room(), text="加微信").code == "sensitive"
    assert post(a_room(), text="shit").text == "****"


def test_a_mute_ends_by_itself_to_the_millisecond() -> None:
    assert post(a_room(UserMuted("u1", NOW_MS, HOST.id)))
    assert refusal(a_room(UserMuted("u1", NOW_MS + 1, HOST.id))).retry_ms == 1


def test_followers_members_and_staff_may_speak_when_only_followers_may() -> None:
    state = a_room(RoomChanged(Settings(followers_only=True)))
    assert comments.needs_following(state, VIEWER)
    comments.require_may_speak(state, VIEWER, NOW_MS, follower=True)
    assert not comments.needs_following(state, MEMBER)
    assert post(state, MEMBER)
    assert post(state, HELPER)


@pytest.mark.parametrize(
    ("settings", "user", "turn"),
    [
        (Settings(), VIEWER, comments.Turn(500, 2)),
        (Settings(comments_per_user_per_s=0), VIEWER, None),
        (Settings(slow_mode_s=10), VIEWER, comments.Turn(10_000, 1)),
        (Settings(slow_mode_s=10, comments_per_user_per_s=0), VIEWER, comments.Turn(10_000, 1)),
        (Settings(slow_mode_s=10), HOST, None),
    ],
)
def test_the_pace_a_person_must_keep(
    settings: Settings, user: User, turn: comments.Turn | None
) -> None:
    assert comments.turn(a_room(RoomChanged(settings)), user) == turn


def test_a_wait_is_refused_by_its_reason() -> None:
    comments.refuse_turn(a_room(), 0)
    with pytest.raises(Refused) as slow:
        comments.refuse_turn(a_room(RoomChanged(Settings(slow_mode_s=3))), 900)
    with pytest.raises(Refused) as fast:
        comments.refuse_turn(a_room(), 900)
    assert [(e.value.code, e.value.retry_ms) for e in (slow, fast)] == [
        ("slow_mode", 900),
        ("rate_limited", 900),
    ]


def comment_d(comment_id: str) -> dict[str, object]:
    return comments.wire(Comment(comment_id, Speaker("u1", "小明", "viewer"), "hi"))


def test_three_comments_can_be_pinned_and_each_once() -> None:
    state = a_room()
    for comment_id in ("a", "b", "c"):
        state = after(state, comments.pin(state, comment_d(comment_id)))
    assert [kept.id for kept in state.pinned] == ["c", "b", "a"]
    assert comments.pin(state, comment_d("a")) == ()
    with pytest.raises(Refused) as refused:
        comments.pin(state, comment_d("d"))
    assert refused.value.code == "conflict"
    state = after(state, comments.unpin(state, "b"))
    assert [kept.id for kept in state.pinned] == ["c", "a"]
    with pytest.raises(Refused):
        comments.unpin(state, "b")


def test_a_deleted_comment_is_unpinned_and_stays_deleted() -> None:
    state = a_room()
    state = after(state, comments.pin(state, comment_d("a")))
    state = after(state, comments.delete(state, "a", by=HELPER))
    assert state.pinned == ()
    assert comments.is_deleted(state, "a")
    assert comments.delete(state, "a", by=HELPER) == ()
    with pytest.raises(Refused) as refused:
        comments.pin(state, comment_d("a"))
    assert refused.value.code == "not_found"
