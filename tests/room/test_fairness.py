"""The draw can be recomputed by anybody, and every tampering shows."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from room import fairness, lottery
from room.fairness import chain_root, receipt_fits, verify
from tests.room.people import NOW_MS

SEED = bytes(range(32))


def drawn(count: int, winners: int = 3, excluded: tuple[str, ...] = ()) -> dict[str, Any]:
    """The public proof of a lottery with `count` entries u0, u1, …"""
    spec = lottery.spec(winners=winners, prize="奖品", now_ms=NOW_MS)
    opened = lottery.record(spec, room_id="r1", lottery_id="l1", seed=SEED, now_ms=NOW_MS)
    entries = tuple((f"u{n}", f"name {n}") for n in range(count))
    frozen = replace(
        opened,
        state="drawn",
        entries=entries,
        entries_count=count,
        entries_root=chain_root("l1", [user_id for user_id, _ in entries]),
        excluded=excluded,
    )
    return lottery.proof(replace(frozen, winners=lottery.winners(frozen, entries)))


def test_the_formulas_are_the_published_ones() -> None:
    proof = drawn(2, winners=1)
    start = hashlib.sha256(b"l1").hexdigest()
    first = hashlib.sha256(f"{start}:u0".encode()).hexdigest()
    root = hashlib.sha256(f"{first}:u1".encode()).hexdigest()
    assert proof["entries_root"] == root
    assert proof["seed_hash"] == hashlib.sha256(SEED).hexdigest()
    assert proof["rules_hash"] == hashlib.sha256(proof["rules"].encode()).hexdigest()
    scores = {
        user: hmac.new(SEED, f"l1:{root}:{user}".encode(), hashlib.sha256).hexdigest()
        for user in ("u0", "u1")
    }
    best = min(scores, key=scores.__getitem__)
    assert [w["user_id"] for w in proof["winners"]] == [best]
    assert proof["winners"][0]["score"] == scores[best]
    assert proof["winners"][0]["rank"] == 1


@given(st.integers(0, 40), st.integers(1, 50))
def test_winners_are_different_people_and_as_many_as_there_can_be(count: int, wanted: int) -> None:
    proof = drawn(count, winners=wanted)
    users = [winner["user_id"] for winner in proof["winners"]]
    assert len(users) == len(set(users)) == min(wanted, count)
    assert [winner["rank"] for winner in proof["winners"]] == list(range(1, len(users) + 1))
    assert verify(proof) == []


def test_the_excluded_are_replaced_by_the_next_in_rank() -> None:
    before = [winner["user_id"] for winner in drawn(10, winners=4)["winners"]]
    proof = drawn(10, winners=3, excluded=(before[0],))
    assert [winner["user_id"] for winner in proof["winners"]] == before[1:]
    assert verify(proof) == []


def test_nobody_entered_means_nobody_wins() -> None:
    proof = drawn(0)
    assert proof["winners"] == []
    assert verify(proof) == []


def redrawn(proof: dict[str, Any], *out: int) -> dict[str, Any]:
    """The same with the winners at these places (from 0, counting on) taken out one by one."""
    order = drawn(10, winners=10)["winners"]
    winning, waiting = order[:3], iter(order[3:])
    proof["redraws"] = []
    for number, place in enumerate(out, start=1):
        came = next(waiting, None)
        gone = winning[place]["user_id"]
        winning.append(came)
        proof["redraws"].append(
            {"removal": number, "out": gone, "reason": "unclaimed", "at_ms": 1, "winner": came}
        )
    return proof


def test_whoever_is_taken_out_is_replaced_by_the_next_rank_until_nobody_is_left() -> None:
    """Newcomers may be taken out too; ten entrants, three winners, so the eighth finds nobody."""
    proof = redrawn(drawn(10), 0, 3, 1, 2, 4, 5, 6, 7)
    assert [redraw["winner"] and redraw["winner"]["rank"] for redraw in proof["redraws"]] == [
        *range(4, 11),
        None,
    ]
    assert verify(proof) == []


REDRAW_TAMPERINGS: list[tuple[str, Callable[[list[dict[str, Any]]], object]]] = [
    ("a rank passed over", lambda r: r[0].update(winner=r[1]["winner"])),
    ("somebody favoured", lambda r: r[0].update(winner=r[0]["winner"] | {"user_id": "cousin"})),
    ("nobody let in", lambda r: r[1].update(winner=None)),
    ("one left out", lambda r: r.pop(0)),
    ("in another order", lambda r: r.reverse()),
    ("who never won taken out", lambda r: r[0].update(out="cousin")),
    ("the same taken out twice", lambda r: r[1].update(out=r[0]["out"])),
]


@pytest.mark.parametrize(
    "tamper", [t[1] for t in REDRAW_TAMPERINGS], ids=[t[0] for t in REDRAW_TAMPERINGS]
)
def test_every_tampering_with_replacements_is_found(
    tamper: Callable[[list[dict[str, Any]]], object],
) -> None:
    proof = redrawn(drawn(10), 1, 0)
    tamper(proof["redraws"])
    assert verify(proof) != []


TAMPERINGS: list[tuple[str, Callable[[dict[str, Any]], object]]] = [
    ("another seed", lambda p: p.update(server_seed="00" * 32)),
    ("another seed and its hash", lambda p: p.update(seed_hash="00" * 32)),
    ("a shorter seed", lambda p: p.update(server_seed="00")),
    ("other rules", lambda p: p.update(rules=p["rules"].replace("奖品", "糖"))),
    ("an entry more", lambda p: p["entries"].append("cousin")),
    ("an entry less", lambda p: p["entries"].pop()),
    ("entries swapped", lambda p: p["entries"].reverse()),
    ("an entry replaced", lambda p: p["entries"].__setitem__(0, "cousin")),
    ("another root", lambda p: p.update(entries_root="00" * 32)),
    ("another count", lambda p: p.update(entries_count=11)),
    ("a winner less", lambda p: p["winners"].pop()),
    ("winners swapped", lambda p: p["winners"].reverse()),
    ("a winner replaced", lambda p: p["winners"][0].update(user_id="u9x")),
    ("another score", lambda p: p["winners"][0].update(score="00" * 32)),
    ("another lottery", lambda p: p.update(lottery_id="l2")),
    ("somebody excluded", lambda p: p.update(excluded=[p["winners"][0]["user_id"]])),
    ("not drawn", lambda p: p.update(state="frozen")),
    ("no seed", lambda p: p.pop("server_seed")),
    ("seed no hex", lambda p: p.update(server_seed="zz" * 32)),
    ("rules no JSON", lambda p: p.update(rules="x")),
    ("rules no object", lambda p: p.update(rules="[]")),
]


@pytest.mark.parametrize("tamper", [t[1] for t in TAMPERINGS], ids=[t[0] for t in TAMPERINGS])
def test_every_tampering_is_found(tamper: Callable[[dict[str, Any]], object]) -> None:
    proof = drawn(10)
    assert verify(proof) == []
    tamper(proof)
    assert verify(proof) != []


def test_a_receipt_is_borne_out_by_the_entries_or_not() -> None:
    entries = ["a", "b", "c"]
    running = chain_root("l1", ["a", "b"])
    assert receipt_fits("l1", entries, "b", index=1, running_hash=running)
    assert not receipt_fits("l1", entries, "b", index=2, running_hash=running)
    assert not receipt_fits("l1", ["x", "b", "c"], "b", index=1, running_hash=running)
    assert not receipt_fits("l1", entries, "b", index=9, running_hash=running)


@pytest.mark.parametrize("run", range(3))
def test_no_place_in_the_entries_is_favoured(run: int) -> None:
    """Each of twenty entrants takes each of the first three ranks about as often.

    3,000 draws with fixed seeds; chi-square with 19 degrees of freedom stays below its 0.1 % bound
    for every rank.
    """
    entries = [f"u{n}" for n in range(20)]
    root = chain_root("l1", entries)
    counts = [dict.fromkeys(entries, 0) for _ in range(3)]
    for nth in range(3_000):
        seed = hashlib.sha256(f"{run}:{nth}".encode()).digest()
        for rank, (_, user_id) in enumerate(fairness.ranked(seed, "l1", root, entries)[:3]):
            counts[rank][user_id] += 1
    for of_rank in counts:
        assert sum((count - 150) ** 2 / 150 for count in of_rank.values()) < 43.82
