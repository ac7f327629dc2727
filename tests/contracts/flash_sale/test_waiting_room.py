"""The line in Redis does what `queue.py` says, and outlives those who serve it."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from flash_sale import doors, queue
from flash_sale.doors import ADMISSION_MS, Door
from flash_sale.errors import Refused
from flash_sale.sale import SaleSpec
from flash_sale.waiting_room import Proof
from tests.contracts.flash_sale.shop import ROOM, Shop, sku

SEED = "7a" * 32


async def doored(shop: Shop, *, rate: int = 5, bits: int = 0, start_in_ms: int = 60_000) -> Door:
    """A sale that starts in a minute, its line open for the last half of it."""
    door = Door("s1", SEED, rate_per_s=rate, opens_before_s=30, puzzle_bits=bits)
    await shop.sale.waiting_room.add(door)
    spec = SaleSpec("s1", (sku("a", stock=10),), start=shop.now_ms + start_in_ms)
    await shop.sale.desk.create(spec, ROOM, shop.now_ms)
    return door


async def joins(shop: Shop, door: Door, user: str, proof: Proof | None = None) -> str:
    """`waiting`, `admitted`, or the refusal's code."""
    try:
        places = await shop.sale.waiting_room.join(door, user, proof, shop.now_ms)
    except Refused as refused:
        return refused.code
    return "admitted" if places.of[user][1] else "waiting"


@pytest.mark.parametrize("seed", range(6))
async def test_the_scripts_keep_the_line_as_specified(shop: Shop, seed: int) -> None:
    """Random joins, leaves and pauses on both sides; every place equal at every step."""
    rng = random.Random(seed)
    rate = rng.choice([0, 1, 3, 20])
    door = await doored(shop, rate=rate, bits=0, start_in_ms=40_000)
    room, queue_store = shop.sale.waiting_room, shop.sale.queue
    start_ms = shop.now_ms + 40_000
    line = queue.Line(rate, ADMISSION_MS)
    users = [f"u{n}" for n in range(25)]
    for _ in range(60):
        user = rng.choice(users)
        act = rng.random()
        if act < 0.55:
            rank = queue.rank(SEED, queue.ticket("s1", user))
            expected = queue.join(
                line, user, rank, shop.now_ms, opens_ms=start_ms - 30_000, start_ms=start_ms
            )
            assert await joins(shop, door, user) == expected
        elif act < 0.65:
            assert await room.leave("s1", user) == queue.leave(line, user)
        elif act < 0.85:
            outcome, _, let_in = await queue_store.admit(
                "s1", rate_per_s=rate, admission_ms=ADMISSION_MS, people_max=7, now_ms=shop.now_ms
            )
            assert outcome in ("open", "early")
            assert let_in == queue.admit(line, shop.now_ms, start_ms, 7)
        else:
            shop.now_ms += rng.choice([1, 150, 1_000, 9_000, ADMISSION_MS // 4])
        places = await room.places("s1", users)
        order = sorted(line.scores, key=lambda one: (line.scores[one], one))
        assert places.length == len(order)
        assert places.let_in == line.let_in
        for one in users:
            place, until_ms = places.of[one]
            shown = order.index(one) if one in line.scores else -1
            assert place == (min(shown, 0) if shop.now_ms < start_ms else shown)
            good = line.admitted.get(one, 0)
            assert until_ms == (good if good > shop.now_ms else 0)


async def test_from_the_countdown_to_a_bought_unit(shop: Shop) -> None:
    """Too early, in line, shuffled at the start, let in at the rate, and proved by a token."""
    door = await doored(shop, rate=5)
    room = shop.sale.waiting_room
    assert await joins(shop, door, "ann") == "not_started"
    shop.now_ms += 30_000
    people = [f"u{n}" for n in range(12)]
    for user in people:
        assert await joins(shop, door, user) == "waiting"
    assert await room.step() == []
    places = await room.places("s1", people)
    assert all(room.standing("s1", one, places).ahead is None for one in people)
    assert "seed" not in (await room.proof("s1") or {})
    shop.now_ms += 31_000
    assert await joins(shop, door, "late") == "waiting"
    let_in = await room.step()
    tickets = {queue.ticket("s1", user): user for user in people}
    order = [tickets[one] for one in queue.shuffled(SEED, tickets)]
    assert [one.user_id for one in let_in] == order[:5]
    assert room.admits("s1", let_in[0].user_id, let_in[0].admission, shop.now_ms)
    proof = await room.proof("s1")
    assert proof is not None
    assert proof["tickets"] == queue.shuffled(SEED, tickets)
    assert (await room.places("s1", ["late"])).of["late"] == (7, 0)
    shop.now_ms += ADMISSION_MS
    assert not room.admits("s1", let_in[0].user_id, let_in[0].admission, shop.now_ms)


async def test_two_workers_let_nobody_in_twice_and_no_faster(shop: Shop) -> None:
    """The rate is Redis' to keep, whoever asks how often."""
    door = await doored(shop, rate=10, start_in_ms=0)
    other = shop.another_worker()
    for n in range(50):
        await joins(shop, door, f"u{n}")
    let_in = []
    for _ in range(20):
        shop.now_ms += 100
        other.now_ms = shop.now_ms
        for worker in (shop, other):
            let_in += [one.user_id for one in await worker.sale.waiting_room.step()]
    assert let_in == [f"u{n}" for n in range(20)]
    await other.sale.close()


async def test_a_place_outlives_workers_and_a_rebuilt_sale(shop: Shop) -> None:
    """A new worker finds the line as it was, and the token it gives is the one given before."""
    door = await doored(shop, rate=1, start_in_ms=0)
    for user in ("ann", "bob", "cy"):
        await joins(shop, door, user)
    shop.now_ms += 1_000
    (ann,) = await shop.sale.waiting_room.step()
    heir = shop.another_worker()
    room = heir.sale.waiting_room
    places = await room.places("s1", ["ann", "bob", "cy"])
    assert [places.of[user][0] for user in ("ann", "bob", "cy")] == [-1, 0, 1]
    assert room.standing("s1", "ann", places).admission == ann.admission
    await heir.sale.close()


async def test_a_puzzle_is_asked_for_and_taken_once(shop: Shop) -> None:
    """Without one: the puzzle. A wrong one and a used one: `risk`. In line: no more questions."""
    door = await doored(shop, rate=1, bits=6, start_in_ms=0)
    with pytest.raises(Refused) as refused:
        await shop.sale.waiting_room.join(door, "ann", None, shop.now_ms)
    assert refused.value.code == "proof_required"
    assert refused.value.details is not None
    puzzle = str(refused.value.details["challenge"])
    solved = (str(n) for n in itertools.count() if doors.zero_bits(puzzle, str(n)) >= 6)
    good = Proof(puzzle, next(solved))
    assert await joins(shop, door, "bob", good) == "risk"
    assert await joins(shop, door, "ann", Proof(puzzle, "x" * 40)) == "risk"
    assert await joins(shop, door, "ann", good) == "waiting"
    assert await joins(shop, door, "ann") == "waiting"
    await shop.sale.waiting_room.leave("s1", "ann")
    assert await joins(shop, door, "ann", good) == "risk"


async def test_a_puzzle_alone_lets_in_at_the_start(shop: Shop) -> None:
    """Nobody waits, but everybody has done the work."""
    door = await doored(shop, rate=0, bits=4)
    shop.now_ms += 40_000

    def solved(user: str) -> Proof:
        puzzle = shop.sale.waiting_room.challenge("s1", user, shop.now_ms)
        numbers = (str(n) for n in itertools.count())
        return Proof(puzzle, next(n for n in numbers if doors.zero_bits(puzzle, n) >= 4))

    assert await joins(shop, door, "early", solved("early")) == "waiting"
    shop.now_ms += 20_000
    assert await joins(shop, door, "late", solved("late")) == "admitted"
    assert [one.user_id for one in await shop.sale.waiting_room.step()] == ["early"]


async def test_an_ended_line_is_over(shop: Shop) -> None:
    door = await doored(shop, start_in_ms=0)
    await joins(shop, door, "ann")
    await shop.sale.desk.stop("s1")
    assert await shop.sale.waiting_room.step() == []
    assert await shop.sale.queue.sales() == []
    assert await joins(shop, door, "bob") == "ended"


async def test_a_door_is_made_once(shop: Shop) -> None:
    door = await doored(shop)
    await shop.sale.waiting_room.add(replace(door, seed="ff" * 32))  # the first seed stays
    with pytest.raises(Refused, match="conflict"):
        await shop.sale.waiting_room.add(replace(door, rate_per_s=door.rate_per_s + 1))
    assert await shop.another_worker().sale.waiting_room.door("s1") == door
    assert await shop.sale.waiting_room.door("other") is None


async def test_limits_hold_over_any_stretch_of_a_window(shop: Shop, redis: Redis) -> None:
    """Counted for all workers together; what was refused is not counted; quiet lets in again."""
    store = shop.sale.queue
    user, place = ("buy:user:ann", 3), ("buy:address:1", 5)

    async def take(at_ms: int, *acts: list[tuple[str, int]]) -> list[int]:
        return await store.take("s1", acts, window_ms=10_000, at_ms=at_ms)

    at = 1_800_000_000_000
    assert await take(at, *([[user, place]] * 5)) == [0, 0, 0, 1, 1]
    assert await take(at, *([[("buy:user:bob", 9), place]] * 3)) == [0, 0, 2]
    assert await take(at + 12_000, [user, place]) == [1]
    assert await take(at + 14_000, [user, place]) == [0]
    assert await take(at + 14_100, [user, place]) == [1]
    assert await take(at + 40_000, *([[user, place]] * 4)) == [0, 0, 0, 1]
    assert await redis.pttl("liveroom:{s1}:limits:180000004") > 0
