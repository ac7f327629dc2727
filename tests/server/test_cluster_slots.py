"""How a cluster's address is read, where a command's key stands, and who owns a slot."""

from __future__ import annotations

import pytest

from flash_sale.storage import keys as sale_keys
from room.storage import keys as room_keys
from server.cluster.slots import (
    Place,
    SlotTable,
    Span,
    is_cluster,
    key_of,
    parse_address,
    slot_of,
    spans_of,
)


def test_an_address_names_nodes_and_credentials() -> None:
    address = parse_address("rediss+cluster://me:p%40ss@a.example:7000,[::1]:7001,b.example")
    assert address.seeds == (Place("a.example", 7000), Place("::1", 7001), Place("b.example", 6379))
    assert (address.username, address.password, address.tls) == ("me", "p@ss", "tls")
    assert parse_address("redis+cluster://h:1").tls == "plain"
    assert is_cluster("redis+cluster://h:1")
    assert not is_cluster("redis://h:1")


@pytest.mark.parametrize(
    "rest", ["", "h:0", "h:65536", "h:x", ":7000", "h:1/2", "h:1?db=1", ",".join(["h:1"] * 65)]
)
def test_what_cannot_be_a_cluster_is_refused_without_its_password(rest: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse_address(f"redis+cluster://me:secret@{rest}")
    assert "secret" not in str(refused.value)


def test_the_key_of_a_command() -> None:
    assert key_of(("EVALSHA", "digest", 2, "{a}x", "{a}y", "arg")) == "{a}x"
    assert key_of(("HGET", "k", "f")) == "k"
    assert key_of(("SPUBLISH", "channel", b"payload")) == "channel"
    assert key_of(("PING",)) is None
    assert key_of(("TIME",)) is None


def test_all_keys_of_a_room_and_of_a_sale_share_a_slot() -> None:
    """One script may touch them all."""
    room = {
        slot_of(key)
        for key in (
            room_keys.room("r1"),
            room_keys.critical("r1"),
            room_keys.bus("r1"),
            room_keys.lottery("r1", "l1"),
            room_keys.turn("r1", "ann"),
            room_keys.here("r1", "w1"),
            room_keys.questions("r1", "open"),
            room_keys.question_voters("r1", "q1"),
            room_keys.auction("r1", "a1", "bids"),
            room_keys.claim_marks("r1", "h1"),
        )
    }
    sale = {
        slot_of(key)
        for key in (
            *sale_keys.all_of("s1"),
            *sale_keys.queue_of("s1"),
            *sale_keys.waitlist_of("s1"),
            *sale_keys.limits_of("s1", 3),
            sale_keys.risk("s1"),
        )
    }
    assert len(room) == len(sale) == 1
    assert len({slot_of(key) for key in sale_keys.coupon_keys("c1")}) == 1


def test_a_table_says_what_is_new() -> None:
    one, two = Place("a", 1), Place("b", 2)
    table = SlotTable()
    assert table.take([Span(0, 8191, one)])
    assert not table.is_whole
    assert table.take([Span(0, 8191, one), Span(8192, 16383, two)])
    assert not table.take([Span(0, 8191, one), Span(8192, 16383, two)])
    assert (table.is_whole, table.places) == (True, (one, two))
    assert table.move(0, two)
    assert not table.move(0, two)
    assert (table.owner(0), table.owner(1)) == (two, one)


def test_a_node_that_does_not_know_its_own_name_is_the_one_asked() -> None:
    asked = Place("127.0.0.1", 7000)
    rows = [[0, 1, [b"", 7000, b"id"]], [2, 3, [b"10.0.0.2", 7001, b"id"]]]
    assert spans_of(rows, asked) == [Span(0, 1, asked), Span(2, 3, Place("10.0.0.2", 7001))]
