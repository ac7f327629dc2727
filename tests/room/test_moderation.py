"""Mutes, bans, settings, announcements, likes: small rules with bounds."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from room import announcements, likes, moderation, settings
from room.errors import Refused
from room.events import RoomEnded, UserBanned, UserMuted
from room.limits import ANNOUNCEMENT_GRAPHEMES_MAX, BANS_MAX, MUTES_MAX
from room.state import RoomState
from tests.room.people import HELPER, HOST, NOW_MS, a_room, after


def test_a_mute_lasts_its_seconds_and_can_be_lifted() -> None:
    state = a_room()
    state = after(state, moderation.mute(state, user_id="u1", seconds=60, by=HELPER, now_ms=NOW_MS))
    assert moderation.muted_until_ms(state, "u1", NOW_MS) == NOW_MS + 60_000
    assert moderation.muted_until_ms(state, "u1", NOW_MS + 60_000) == 0
    lifted = moderation.mute(state, user_id="u1", seconds=0, by=HELPER, now_ms=NOW_MS)
    assert lifted == (UserMuted("u1", 0, "help1"),)
    state = after(state, lifted)
    assert state.muted == {}
    assert moderation.mute(state, user_id="u1", seconds=0, by=HELPER, now_ms=NOW_MS) == ()


@pytest.mark.parametrize("user_id", [HOST.id, HELPER.id])
def test_nobody_silences_the_host_or_themselves(user_id: str) -> None:
    for act in (
        lambda: moderation.mute(a_room(), user_id=user_id, seconds=9, by=HELPER, now_ms=NOW_MS),
        lambda: moderation.ban(a_room(), user_id=user_id, by=HELPER),
    ):
        with pytest.raises(Refused) as refused:
            act()
        assert refused.value.code == "forbidden"


@pytest.mark.parametrize("seconds", [-1, 30 * 86_400 + 1])
def test_a_mute_has_a_longest_time(seconds: int) -> None:
    with pytest.raises(Refused) as refused:
        moderation.mute(a_room(), user_id="u", seconds=seconds, by=HOST, now_ms=NOW_MS)
    assert refused.value.code == "bad_request"


def test_mutes_that_ran_out_make_room_for_new_ones() -> None:
    state = a_room(*(UserMuted(f"m{n}", NOW_MS + 1 + n, HOST.id) for n in range(MUTES_MAX)))
    with pytest.raises(Refused, match="muted already"):
        moderation.mute(state, user_id="u1", seconds=9, by=HOST, now_ms=NOW_MS)
    assert moderation.mute(state, user_id="m5", seconds=9, by=HOST, now_ms=NOW_MS)
    state = after(
        state, moderation.mute(state, user_id="u1", seconds=9, by=HOST, now_ms=NOW_MS + 1)
    )
    assert len(state.muted) == MUTES_MAX
    assert "m0" not in state.muted
    assert "u1" in state.muted


def test_bans_are_told_once_lifted_once_and_bounded() -> None:
    state = a_room()
    state = after(state, moderation.ban(state, user_id="u1", by=HOST))
    assert moderation.banned(state, "u1")
    assert moderation.ban(state, user_id="u1", by=HOST) == ()
    state = after(state, moderation.unban(state, user_id="u1", by=HOST))
    assert not moderation.banned(state, "u1")
    assert moderation.unban(state, user_id="u1", by=HOST) == ()
    full = full_of_bans()
    with pytest.raises(Refused, match="banned already"):
        moderation.ban(full, user_id="one-more", by=HOST)
    assert len(after(full, [UserBanned("one-more", "h", lifted=False)]).banned) == BANS_MAX


def full_of_bans() -> RoomState:
    return replace(a_room(), banned={f"b{n}": "h" for n in range(BANS_MAX)})


def test_settings_change_only_what_is_named() -> None:
    state = a_room()
    state = after(state, settings.change(state, {"slow_mode_s": 10, "title": " 新 标题 "}))
    state = after(state, settings.change(state, {"chat_per_viewer_per_s": 0}))
    assert state.title == "新 标题"
    assert (state.settings.slow_mode_s, state.settings.chat_per_viewer_per_s) == (10, 0)
    assert settings.change(state, {"slow_mode_s": 10}) == ()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"unknown": 1},
        {"slow_mode_s": -1},
        {"slow_mode_s": 3_601},
        {"slow_mode_s": True},
        {"slow_mode_s": "1"},
        {"followers_only": 1},
        {"comments_per_user_per_s": 10**18},
        {"title": 5},
        {"title": "  "},
        {"stream_url": "javascript:alert(1)"},
        {"host": {"id": 1}},
    ],
)
def test_settings_refuse_what_does_not_fit(changes: dict[str, object]) -> None:
    with pytest.raises(Refused) as refused:
        settings.change(a_room(), changes)
    assert refused.value.code == "bad_request"


def test_an_ended_room_takes_no_more_acts() -> None:
    state = a_room()
    assert settings.end(state) == (RoomEnded(),)
    state = after(state, settings.end(state))
    assert settings.end(state) == ()
    for act in (
        lambda: likes.accept(state, 1),
        lambda: announcements.announce(state, "x", NOW_MS),
        lambda: settings.change(state, {"slow_mode_s": 1}),
    ):
        with pytest.raises(Refused) as refused:
            act()
        assert refused.value.code == "room_ended"


def test_an_announcement_is_set_and_cleared() -> None:
    state = a_room()
    assert announcements.announce(state, "  ", NOW_MS) == ()
    state = after(state, announcements.announce(state, "今晚八点\u202e", NOW_MS))
    assert state.announcement is not None
    assert (state.announcement.text, state.announcement.ts) == ("今晚八点", NOW_MS)
    state = after(state, announcements.announce(state, "", NOW_MS))
    assert state.announcement is None
    with pytest.raises(Refused) as refused:
        announcements.announce(state, "字" * (ANNOUNCEMENT_GRAPHEMES_MAX + 1), NOW_MS)
    assert refused.value.code == "too_long"


@pytest.mark.parametrize("n", [0, -1, 51, 2**63])
def test_likes_come_one_to_fifty_at_a_time(n: int) -> None:
    assert (likes.accept(a_room(), 1), likes.accept(a_room(), 50)) == (1, 50)
    with pytest.raises(Refused):
        likes.accept(a_room(), n)
