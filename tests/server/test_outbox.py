"""What a tick holds, what it leaves out, and that the counts add up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from server.outbox import CHAT_PENDING_MAX, ChatItem, Critical, Outbox
from server.wire import Codec


def first_come(items: Sequence[ChatItem], allowance: int) -> tuple[list[ChatItem], list[ChatItem]]:
    return list(items[:allowance]), list(items[allowance:])


def said(n: int, user_id: str = "u") -> ChatItem:
    raw = orjson.dumps({"t": "comment", "ts": n, "d": {"id": f"c{n}"}})
    return ChatItem("comment", user_id, "viewer", raw)


def message(data: bytes) -> dict[str, Any]:
    header = {126: 4, 127: 10}.get(data[1], 2)
    decoded: dict[str, Any] = orjson.loads(data[header:])
    return decoded


def critical(seq: int) -> Critical:
    return Critical(seq, orjson.dumps({"t": "card.shown", "ts": seq, "seq": seq, "d": {}}))


def test_critical_events_come_first_and_in_order() -> None:
    """A tick starts with everything sequenced and names the last number."""
    outbox = Outbox()
    outbox.add_chat(said(1))
    outbox.add_critical([critical(4), critical(5)])
    told = message(outbox.take(None, first_come).frame(Codec.JSON))
    assert [event["t"] for event in told["ev"]] == ["card.shown", "card.shown", "comment"]
    assert told["seq"] == 5
    assert not outbox


def test_shown_and_dropped_add_up_to_what_was_said() -> None:
    """Whatever the allowance, nothing vanishes uncounted."""
    for allowance in (0, 1, 7, 30, 31):
        outbox = Outbox()
        for n in range(30):
            outbox.add_chat(said(n))
        told = message(outbox.take(allowance, first_come).frame(Codec.JSON))
        shown = len(told.get("ev", []))
        assert shown + told.get("drop", {}).get("comment", 0) == 30
        assert shown == min(allowance, 30)


def test_chat_beyond_the_limit_drops_the_oldest_and_counts_it() -> None:
    """The queue is bounded even when nobody flushes."""
    outbox = Outbox()
    for n in range(CHAT_PENDING_MAX + 5):
        outbox.add_chat(said(n))
    tick = outbox.take(None, first_come)
    assert len(tick.chosen) == CHAT_PENDING_MAX
    assert tick.drops == {"comment": 5}


def test_the_latest_state_wins_and_stock_is_merged_by_sku() -> None:
    """Between two ticks only the last value of a part is told."""
    outbox = Outbox()
    outbox.set_state("likes", 1)
    outbox.set_state("likes", 9)
    outbox.merge_stock({"a": {"left": 3, "v": 1}})
    outbox.merge_stock({"b": {"left": 8, "v": 1}, "a": {"left": 2, "v": 2}})
    told = message(outbox.take(None, first_come).frame(Codec.JSON))
    assert told["st"] == {
        "likes": 9,
        "stock": {"a": {"left": 2, "v": 2}, "b": {"left": 8, "v": 1}},
    }


def test_the_speaker_sees_own_words_that_others_were_not_shown() -> None:
    """A personal frame adds own comments and counts only what is still missing."""
    outbox = Outbox()
    mine = said(2, "me")
    for item in (said(1), mine, said(3)):
        outbox.add_chat(item)
    tick = outbox.take(1, first_come)
    told = message(tick.personal_frame(Codec.JSON, own=[mine]))
    assert [event["d"]["id"] for event in told["ev"]] == ["c1", "c2"]
    assert told["drop"] == {"comment": 1}


def test_own_words_come_in_the_order_they_were_said() -> None:
    """Also when the later ones were shown to everybody and the earlier ones were not."""
    outbox = Outbox()
    words = [said(number, "me") for number in range(1, 5)]
    for item in words:
        outbox.add_chat(item)

    def last_come(items: Sequence[ChatItem], budget: int) -> tuple[list[ChatItem], list[ChatItem]]:
        return list(items[-budget:]), list(items[:-budget])

    tick = outbox.take(2, last_come)
    told = message(tick.personal_frame(Codec.JSON, own=words[:2]))
    assert [event["d"]["id"] for event in told["ev"]] == ["c1", "c2", "c3", "c4"]


def test_a_viewer_who_fell_behind_is_told_what_it_missed_and_the_whole_state() -> None:
    """Missed counts join this tick's; a missed delta is healed by the full vector."""
    outbox = Outbox()
    outbox.add_chat(said(1))
    outbox.set_state("likes", 5)
    tick = outbox.take(None, first_come)
    data = tick.personal_frame(
        Codec.JSON, missed={"comment": 4, "notice": 1}, full_state={"likes": 4, "online": 2}
    )
    told = message(data)
    assert told["drop"] == {"comment": 4, "notice": 1}
    assert told["st"] == {"likes": 5, "online": 2}


def test_a_socket_that_is_behind_gets_the_critical_events_alone() -> None:
    """Chat and state are left out of the frame that must go through."""
    outbox = Outbox()
    outbox.add_chat(said(1))
    outbox.set_state("likes", 5)
    assert outbox.take(None, first_come).critical_frame(Codec.JSON) is None
    outbox.add_critical([critical(8)])
    outbox.add_chat(said(2))
    data = outbox.take(None, first_come).critical_frame(Codec.JSON)
    assert data is not None
    told = message(data)
    assert [event["seq"] for event in told["ev"]] == [8]
    assert set(told) == {"ev", "seq"}
