"""Copies of a room: what is next is applied, what is known ignored, a gap never jumped.

The invariant of the whole design is here: a snapshot at any moment and the events after it give
the same room as a fresh snapshot, also after the events have been bytes on a wire.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from room import announcements, cards, comments, lottery, moderation, sales
from room import settings as room_settings
from room.epochs import generation, is_newer, next_epoch
from room.errors import Refused
from room.events import EVENT_TYPES, Event, RoomChanged, from_wire, to_wire
from room.limits import RING_EVENTS_MAX
from room.ports import Sequenced, Stored
from room.replica import Replica
from room.shapes import Comment, Settings, Speaker, Winner
from room.state import (
    CHANGED_PARTS,
    PARTS,
    RoomState,
    apply,
    changed_parts,
    decode,
    encode,
    public_parts,
)
from room.wire import sequence, sequenced
from tests.room.people import HELPER, HOST, NOW_MS, a_room, a_sale

ids = st.sampled_from(["a", "b", "c", "d"])
small = st.integers(0, 5)
texts = st.sampled_from(["", "你好", "x" * 10, "长" * 400])

Act = Callable[[RoomState], tuple[Event, ...]]


def act(rule: Callable[..., tuple[Event, ...]], **arguments: st.SearchStrategy[Any]) -> Any:
    """A strategy of commands: the rule with drawn arguments."""
    return st.fixed_dictionaries(arguments).map(lambda kept: lambda state: rule(state, **kept))


def a_comment(comment_id: str) -> dict[str, object]:
    return comments.wire(Comment(comment_id, Speaker("u1", "n", "viewer"), "hi"))


def a_draw(state: RoomState, lottery_id: str, step: int) -> tuple[Event, ...]:
    spec = lottery.spec(winners=1, prize="p", now_ms=NOW_MS)
    record = lottery.record(
        spec, room_id="r1", lottery_id=lottery_id, seed=bytes(32), now_ms=NOW_MS
    )
    record = replace(record, entries_count=3, entries_root="00")
    if step == 0:
        lottery.require_may_open(state)
        return lottery.told_opened(state, record)
    if step == 1:
        return lottery.told_frozen(state, record)
    if step == 2:
        return lottery.told_void(state, lottery_id, "x")
    won = replace(record, state="drawn", winners=(Winner("u1", "n", 1, "00"),))
    return lottery.told_drawn(state, won)


phases = st.sampled_from(["draft", "preheat", "countdown", "live", "sold_out", "ended"])
commands: st.SearchStrategy[Act] = st.one_of(
    act(
        cards.put_product,
        product_id=ids,
        title=texts,
        price_cents=small,
        title_en=texts,
        list_cents=st.none() | small,
    ),
    act(
        cards.show,
        product_id=ids,
        now_ms=st.just(NOW_MS),
        mode=st.sampled_from(["listed", "explaining"]),
        sale_id=st.none() | ids,
        sku_id=st.none() | st.just("k1"),
    ),
    act(cards.hide, product_id=ids),
    act(cards.order, product_ids=st.lists(ids, unique=True)),
    act(
        sales.show,
        sale=st.builds(a_sale, sale_id=ids, phase=phases, skus=st.just(("k1", "k2"))),
        levels=st.dictionaries(st.sampled_from(["k1", "k2"]), st.tuples(small, small)),
    ),
    act(a_draw, lottery_id=ids, step=st.integers(0, 3)),
    act(comments.pin, comment=ids.map(a_comment)),
    act(comments.unpin, comment_id=ids),
    act(comments.delete, comment_id=ids, by=st.just(HELPER)),
    act(
        moderation.mute,
        user_id=ids,
        seconds=small,
        by=st.just(HOST),
        now_ms=st.just(NOW_MS),
    ),
    act(moderation.ban, user_id=ids, by=st.just(HOST)),
    act(moderation.unban, user_id=ids, by=st.just(HOST)),
    act(announcements.announce, text=texts, now_ms=st.just(NOW_MS)),
    act(
        room_settings.change,
        changes=st.sampled_from(
            [{"slow_mode_s": 5}, {"title": "新"}, {"stream_url": "/x"}, {"bad": 1}]
        ),
    ),
    st.just(room_settings.end),
)


def run(acts: list[Act]) -> list[tuple[RoomState, list[Sequenced]]]:
    """Decide each act on the room as it is; the states after each, with the events so far."""
    state, events = a_room(), list[Sequenced]()
    history = [(state, list(events))]
    for each in acts:
        try:
            decided = each(state)
        except Refused:
            continue
        for event in decided:
            state = apply(state, event)
            events.append(sequence(len(events) + 1, NOW_MS, event))
        history.append((state, list(events)))
    return history


@settings(max_examples=300)
@given(st.lists(commands, max_size=25), st.data())
def test_a_snapshot_and_the_events_after_it_are_a_fresh_snapshot(
    acts: list[Act], data: st.DataObject
) -> None:
    history = run(acts)
    fresh, events = history[-1]
    then, so_far = data.draw(st.sampled_from(history))
    late = Replica(Stored("e1-x", len(so_far), decode(encode(then))))
    late.receive("e1-x", [sequenced(event.raw) for event in events])
    assert late.seq == len(events)
    assert late.state == fresh
    assert encode(late.state) == encode(fresh)
    assert public_parts(late.state) == public_parts(fresh)


@given(st.lists(commands, max_size=25))
def test_an_event_changes_no_other_part_than_it_says(acts: list[Act]) -> None:
    history = run(acts)
    state = a_room()
    for event in history[-1][1]:
        happened = from_wire(event.t, event.d)
        after = apply(state, happened)
        for part in PARTS - changed_parts(happened):
            assert public_parts(after, [part]) == public_parts(state, [part])
        state = after


@given(st.lists(commands, max_size=25))
def test_events_survive_their_wire_form(acts: list[Act]) -> None:
    for event in run(acts)[-1][1]:
        again = sequenced(event.raw)
        assert again == event
        assert to_wire(from_wire(again.t, again.d)) == event.d


def numbered(count: int, start: int = 1) -> list[Sequenced]:
    return [
        sequence(seq, NOW_MS, RoomChanged(Settings(slow_mode_s=seq % 60)))
        for seq in range(start, start + count)
    ]


def test_duplicates_are_ignored_and_gaps_not_jumped() -> None:
    replica = Replica(Stored("e1-x", 0, a_room()))
    events = numbered(6)
    assert replica.receive("e1-x", events[:3]).applied == events[:3]
    assert replica.receive("e1-x", events[:2]).applied == []
    received = replica.receive("e1-x", [events[2], events[3], events[5]])
    assert received.applied == [events[3]]
    assert received.gap
    assert replica.seq == 4
    assert replica.receive("e2-y", events).other_epoch
    assert replica.seq == 4


def test_memory_replays_what_it_holds_and_says_when_it_does_not() -> None:
    replica = Replica(Stored("e1-x", 5, a_room()))
    assert replica.since("e1-x", 5) == []
    assert replica.since("e1-x", 4) is None
    assert replica.since("e1-x", 6) is None
    events = numbered(RING_EVENTS_MAX + 10, start=6)
    replica.receive("e1-x", events)
    assert len(replica.ring) == RING_EVENTS_MAX
    assert replica.since("e1-x", replica.seq - 2) == events[-2:]
    assert replica.since("e1-x", events[9].seq) == events[10:]
    assert replica.since("e1-x", events[8].seq) is None
    assert replica.since("e0-z", replica.seq) is None


@pytest.mark.parametrize(
    ("t", "d"),
    [
        ("card.vanished", {}),
        ("card.hidden", {}),
        ("card.hidden", {"product_id": 5}),
        ("user.banned", {"user_id": "a", "by": "b", "lifted": 1}),
    ],
)
def test_what_is_no_event_is_not_read_as_one(t: str, d: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        from_wire(t, d)


def test_every_event_has_a_fold_and_says_what_it_touches() -> None:
    assert set(CHANGED_PARTS) == set(EVENT_TYPES.values())
    assert all(parts <= PARTS for parts in CHANGED_PARTS.values())


def test_epochs_are_ordered_by_generation() -> None:
    first = next_epoch(None, "abc")
    second = next_epoch(first, "abd")
    assert (generation(first), generation(second), generation("other")) == (1, 2, 0)
    assert is_newer((second, 0), (first, 99))
    assert is_newer((first, 2), (first, 1))
    assert not is_newer((first, 1), (first, 1))
    assert not is_newer((next_epoch(None, "zzz"), 5), (first, 1))
