"""What outlives Redis, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import create_async_engine

from room import lottery
from room.errors import Unavailable
from room.events import AnnouncementMade
from room.ports import Sequenced, StaffAct, Stored
from room.shapes import User
from room.state import apply
from room.storage.sql import SqlArchive
from room.wire import sequence
from room.word_lists import WordLists
from tests.room.people import NOW_MS, a_room

ROOM = a_room()


def events(first: int, last: int) -> list[Sequenced]:
    return [
        sequence(seq, NOW_MS + seq, AnnouncementMade(f"第{seq}", NOW_MS))
        for seq in range(first, last + 1)
    ]


async def test_a_room_comes_back_with_the_events_after_its_snapshot(archive: SqlArchive) -> None:
    assert await archive.load_room("r1") is None
    assert await archive.archived_seq("r1") is None
    await archive.save_room(Stored("e1-a", 2, ROOM), NOW_MS)
    assert await archive.load_room("r1") == Stored("e1-a", 2, ROOM)
    await archive.append_events("r1", "e1-a", events(1, 5))
    await archive.append_events("r1", "e0-z", events(6, 6))
    after = apply(ROOM, AnnouncementMade("第5", NOW_MS))
    assert await archive.load_room("r1") == Stored("e1-a", 5, after)
    assert await archive.archived_seq("r1") == ("e1-a", 5)


async def test_a_hole_in_the_events_is_not_jumped(archive: SqlArchive) -> None:
    await archive.save_room(Stored("e1-a", 0, ROOM), NOW_MS)
    await archive.append_events("r1", "e1-a", [*events(1, 2), *events(4, 4)])
    found = await archive.load_room("r1")
    assert found is not None
    assert found.seq == 2


async def test_a_snapshot_never_goes_back_in_its_epoch(archive: SqlArchive) -> None:
    await archive.save_room(Stored("e1-a", 5, ROOM), NOW_MS)
    await archive.save_room(Stored("e1-a", 3, replace(ROOM, title="old")), NOW_MS)
    assert await archive.load_room("r1") == Stored("e1-a", 5, ROOM)
    await archive.save_room(Stored("e2-b", 3, replace(ROOM, title="new")), NOW_MS)
    assert await archive.archived_seq("r1") == ("e2-b", 3)


async def test_events_told_again_are_kept_once(archive: SqlArchive) -> None:
    await archive.append_events("r1", "e1-a", [])
    await archive.append_events("r1", "e1-a", events(1, 3))
    await archive.append_events("r1", "e1-a", events(2, 1_200))
    timeline = await archive.timeline("r1", limit=2_000)
    assert [row["seq"] for row in timeline] == list(range(1, 1_201))
    newest = await archive.timeline("r1", limit=2)
    assert [(row["seq"], row["ts"], row["t"]) for row in newest] == [
        (1_199, NOW_MS + 1_199, "announcement"),
        (1_200, NOW_MS + 1_200, "announcement"),
    ]
    assert newest[1]["d"] == {"text": "第1200", "ts": NOW_MS}


async def test_rooms_are_listed_by_their_last_change(archive: SqlArchive) -> None:
    for nth, room_id in enumerate(("a", "b", "c")):
        stored = Stored("e1-a", 0, replace(ROOM, room_id=room_id))
        await archive.save_room(stored, NOW_MS + nth)
    listed = await archive.list_rooms(2)
    assert [row["room_id"] for row in listed] == ["c", "b"]
    assert listed[0] == {
        "room_id": "c",
        "title": ROOM.title,
        "status": "live",
        "updated_ms": NOW_MS + 2,
    }


async def test_staff_acts_are_kept_and_read_in_pages(archive: SqlArchive) -> None:
    host = User("host1", "阿珍", "host")
    acts = [StaffAct("r1", host, "user.mute", {"n": nth, "名": "字"}, NOW_MS) for nth in range(3)]
    await archive.record_staff_acts([*acts, StaffAct("r2", host, "user.ban", {}, NOW_MS)])
    newest = await archive.staff_acts("r1", 2)
    assert [act["detail"] for act in newest] == [{"n": 2, "名": "字"}, {"n": 1, "名": "字"}]
    assert newest[0]["actor"] == {"id": "host1", "name": "阿珍", "role": "host"}
    assert (newest[0]["op"], newest[0]["at_ms"]) == ("user.mute", NOW_MS)
    last = newest[-1]["act_id"]
    assert isinstance(last, int)
    assert [act["detail"] for act in await archive.staff_acts("r1", 2, last)] == [acts[0].detail]


async def test_a_rooms_words_are_replaced(archive: SqlArchive) -> None:
    assert await archive.load_words("r1") == WordLists()
    for lists in (WordLists(mask=("a",)), WordLists(review=("乙",), reject=("c",))):
        await archive.save_words("r1", lists, NOW_MS)
        assert await archive.load_words("r1") == lists


async def test_a_lottery_only_moves_forward(archive: SqlArchive) -> None:
    spec = lottery.spec(winners=1, prize="p", now_ms=NOW_MS)
    opened = lottery.record(
        spec, room_id="r1", lottery_id="l1", seed=bytes(range(32)), now_ms=NOW_MS
    )
    frozen = replace(opened, state="frozen", entries=(("u1", "名"),), excluded=("x",))
    drawn = replace(frozen, state="drawn", winners=lottery.winners(frozen, frozen.entries))
    assert await archive.load_lottery("l1") is None
    for record, kept in [
        (opened, opened),
        (frozen, frozen),
        (opened, frozen),
        (drawn, drawn),
        (frozen, drawn),
        (replace(drawn, winners=()), drawn),
        (replace(opened, state="void"), drawn),
    ]:
        await archive.save_lottery(record, NOW_MS)
        assert await archive.load_lottery("l1") == kept


async def test_a_result_is_kept_even_when_freezing_was_not(archive: SqlArchive) -> None:
    spec = lottery.spec(winners=1, prize="p", now_ms=NOW_MS)
    opened = lottery.record(spec, room_id="r1", lottery_id="l1", seed=bytes(32), now_ms=NOW_MS)
    await archive.save_lottery(opened, NOW_MS)
    await archive.save_lottery(replace(opened, state="drawn"), NOW_MS)
    found = await archive.load_lottery("l1")
    assert found is not None
    assert found.state == "drawn"


async def test_a_database_that_is_away_is_unavailable() -> None:
    engine = create_async_engine("postgresql+asyncpg://nobody@127.0.0.1:1/nothing")
    with pytest.raises(Unavailable):
        await SqlArchive(engine).load_room("r1")
    await engine.dispose()
