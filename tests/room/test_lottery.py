"""What may be opened, who may enter, and what the room is told once."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from msgspec.structs import replace

from room import conditions, lottery
from room.conditions import Standing
from room.errors import Refused
from room.events import LotteryOpened, LotteryVoided, RoomChanged, RoomEnded, UserBanned
from room.limits import LOTTERIES_AT_ONCE_MAX, LOTTERIES_MAX, WINNERS_KEPT_MAX
from room.lottery import LotteryRecord
from room.shapes import Conditions, Settings, User, Winner
from room.state import RoomState
from tests.room.people import GUEST, HOST, NOW_MS, VIEWER, a_room, after


def opened(lottery_id: str = "l1", **asked: object) -> LotteryRecord:
    asked = {"winners": 2, "prize": "杯子", "now_ms": NOW_MS} | asked
    spec = lottery.spec(**asked)  # type: ignore[arg-type]
    return lottery.record(spec, room_id="r1", lottery_id=lottery_id, seed=bytes(32), now_ms=NOW_MS)


@pytest.mark.parametrize("conditions", [None, {}, [], "everyone"])
def test_no_conditions_can_be_said_in_four_ways(conditions: object) -> None:
    face = opened(conditions=conditions).face
    assert '"conditions":{}' in opened(conditions=conditions).rules
    assert face.manual
    assert face.close_ms is None


def test_a_closing_time_is_a_duration_or_a_date() -> None:
    assert opened(close_ms=60_000).face.close_ms == NOW_MS + 60_000
    assert opened(close_ms=NOW_MS + 5).face.close_ms == NOW_MS + 5
    assert not opened(close_ms=5).face.manual


@pytest.mark.parametrize(
    "asked",
    [
        {"winners": 0},
        {"winners": 1_001},
        {"prize": " "},
        {"close_ms": 0},
        {"close_ms": -5},
        {"close_ms": NOW_MS},
        {"close_ms": 8 * 86_400_000},
        {"conditions": {"follow": 1}},
        {"conditions": {"shout": True}},
        {"conditions": {"tiers": "gold"}},
        {"conditions": {"tiers": [""]}},
        {"conditions": {"tiers": ["t"] * 21}},
        {"claim_s": 0},
        {"claim_s": 31 * 86_400},
        {"form": ["name"]},
        {"claim_s": 60, "form": ["name", "name"]},
        {"claim_s": 60, "form": [" "]},
        {"conditions": {"watch_s": 0}},
        {"conditions": {"watch_s": 86_401}},
        {"conditions": {"watch_s": True}},
        {"conditions": {"watch_s": "60"}},
        {"conditions": {"phrase": 5}},
        {"conditions": {"phrase": " "}},
        {"conditions": "nobody"},
        {"conditions": ["phrase"]},
    ],
)
def test_what_cannot_be_opened(asked: dict[str, object]) -> None:
    with pytest.raises(Refused) as refused:
        opened(**asked)
    assert refused.value.code == "bad_request"


def test_the_public_face_hides_the_seed_until_the_draw() -> None:
    record = opened()
    assert record.seed not in str(lottery.proof(record))
    assert "server_seed" not in lottery.proof(replace(record, state="frozen"))
    assert lottery.proof(replace(record, state="drawn"))["server_seed"] == record.seed


def enter(
    state: RoomState, user: User = VIEWER, phrase: str | None = None, watched_ms: int = 0
) -> str:
    try:
        lottery.require_may_enter(state, "l1", user, Standing(phrase, watched_ms=watched_ms))
    except Refused as refused:
        return refused.code
    return "ok"


def test_who_may_enter() -> None:
    record = opened(conditions={"phrase": "我要 杯子", "watch_s": 30})
    state = a_room(LotteryOpened(record.face))
    assert enter(state, GUEST) == "login_required"
    assert enter(a_room()) == "not_found"
    assert enter(after(state, [UserBanned("u1", "h", lifted=False)])) == "banned"
    assert enter(state, watched_ms=30_000) == "not_qualified"
    assert enter(state, phrase="别的", watched_ms=30_000) == "not_qualified"
    assert enter(state, phrase="我要  杯子 ", watched_ms=29_999) == "not_qualified"
    assert enter(state, phrase=" 我要  杯子 ", watched_ms=30_000) == "ok"


def test_a_lacking_condition_is_named_with_the_progress_of_all() -> None:
    state = a_room(LotteryOpened(opened(conditions={"watch_s": 30, "present": True}).face))
    with pytest.raises(Refused) as refused:
        lottery.require_may_enter(state, "l1", VIEWER, Standing(watched_ms=12_345))
    watch = {"condition": "watch_s", "met": False, "have_s": 12, "need_s": 30}
    away = {"condition": "present", "met": False}
    first = {key: value for key, value in watch.items() if key != "met"}
    assert refused.value.details == {**first, "conditions": [watch, away]}
    assert refused.value.retry_ms == 17_655


ALL = {
    "phrase": "hi",
    "follow": True,
    "watch_s": 60,
    "bought": True,
    "tiers": ["gold", "black"],
    "present": True,
}
KNOWN = Standing("HI ", follows=True, watched_ms=60_000, bought=True, tier="gold")


@pytest.mark.parametrize(
    ("changes", "lacking"),
    [
        ({}, ["present"]),
        ({"here": True}, []),
        ({"phrase": None}, ["phrase", "present"]),
        ({"phrase": None, "said": True}, ["present"]),
        ({"follows": False}, ["follow", "present"]),
        ({"watched_ms": 59_999}, ["watch_s", "present"]),
        ({"bought": False}, ["bought", "present"]),
        ({"tier": None}, ["tiers", "present"]),
        ({"tier": "silver", "bought": False}, ["bought", "tiers", "present"]),
    ],
)
def test_each_condition_lacks_by_itself(changes: dict[str, Any], lacking: list[str]) -> None:
    """Being present is judged at the draw: it never keeps anybody from entering."""
    asked, standing = conditions.parse(ALL), dataclasses.replace(KNOWN, **changes)
    known = conditions.progress(asked, standing)
    assert [each.condition for each in known] == list(ALL)
    assert [each.condition for each in known if not each.met] == lacking
    if lacking in ([], ["present"]):
        conditions.require_qualified(asked, standing)
    else:
        with pytest.raises(Refused, match="not fulfilled yet"):
            conditions.require_qualified(asked, standing)


def test_what_is_not_asked_for_is_no_condition() -> None:
    nothing = {"follow": False, "bought": False, "tiers": [], "present": False}
    assert conditions.parse(nothing) == Conditions()
    assert conditions.parse({"tier": "gold"}) == Conditions(tiers=("gold",))


def test_rules_bind_the_form_and_the_deadline() -> None:
    record = opened(claim_s=60, kind="bag")
    assert (record.face.kind, record.face.claim_s) == ("bag", 60)
    assert record.face.form == ("name", "phone", "address")
    assert '"claim_s":60' in record.rules
    assert opened(claim_s=60, form=["尺码"]).face.form == ("尺码",)
    assert opened().face.form == ()


def test_entries_close_by_the_clock_before_they_are_frozen() -> None:
    face = opened(close_ms=1_000).face
    assert lottery.is_open(face, NOW_MS + 999)
    assert not lottery.is_open(face, NOW_MS + 1_000)
    assert not lottery.is_open(replace(face, state="frozen"), NOW_MS)


def test_only_so_many_are_open_at_once_and_none_in_an_ended_room() -> None:
    state = a_room(LotteryOpened(opened().face))
    with pytest.raises(Refused, match="at once"):
        lottery.require_may_open(state)
    state = after(state, [RoomChanged(Settings(lotteries_at_once=LOTTERIES_AT_ONCE_MAX))])
    lottery.require_may_open(state)
    more = (LotteryOpened(opened(f"l{n}").face) for n in range(2, LOTTERIES_AT_ONCE_MAX + 1))
    with pytest.raises(Refused) as refused:
        lottery.told_first(after(state, more), opened("l9"))
    assert refused.value.code == "conflict"
    with pytest.raises(Refused) as refused:
        lottery.require_may_open(a_room(RoomEnded()))
    assert refused.value.code == "room_ended"


def test_the_room_is_told_each_step_once_and_none_is_left_out() -> None:
    record = replace(opened(), entries_count=1, entries_root="ab")
    drawn = replace(record, state="drawn", winners=(Winner("u1", "n", 1, "00"),))
    events = lottery.told_drawn(a_room(), drawn)
    assert [e.t for e in events] == ["lottery.opened", "lottery.frozen", "lottery.drawn"]
    state = after(a_room(), lottery.told_opened(a_room(), record))
    assert lottery.told_opened(state, record) == ()
    state = after(state, lottery.told_frozen(state, record))
    assert lottery.told_frozen(state, record) == ()
    events = lottery.told_drawn(state, drawn)
    assert [e.t for e in events] == ["lottery.drawn"]
    state = after(state, events)
    assert state.lotteries["l1"].winners == drawn.winners
    assert lottery.told_drawn(state, drawn) == ()
    assert lottery.told_void(state, "l1", "x") == ()


def test_a_lottery_called_off_is_not_drawn_any_more() -> None:
    state = a_room(LotteryOpened(opened().face))
    state = after(state, lottery.told_void(state, "l1", "entries lost"))
    assert state.lotteries["l1"].state == "void"
    assert lottery.told_drawn(state, replace(opened(), state="drawn")) == ()


def test_finished_lotteries_and_long_results_make_room() -> None:
    state = a_room()
    for nth in range(LOTTERIES_MAX + 5):
        record = opened(f"l{nth}")
        state = after(state, [LotteryOpened(record.face), LotteryVoided(f"l{nth}", "x")])
    assert len(state.lotteries) == LOTTERIES_MAX
    assert "l4" not in state.lotteries
    crowd = tuple(Winner(f"u{n}", "n", n + 1, "00") for n in range(900))
    for nth in range(3):
        record = replace(opened(f"big{nth}"), state="drawn", winners=crowd)
        state = after(state, lottery.told_drawn(state, record))
    kept = sum(len(each.winners) for each in state.lotteries.values())
    assert kept <= WINNERS_KEPT_MAX
    assert "big2" in state.lotteries


def test_host_is_a_user_like_any_other_in_entering() -> None:
    assert enter(a_room(LotteryOpened(opened().face)), HOST) == "ok"
