"""The rules of the line, and what is shown before and after the shuffle."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from flash_sale import queue
from flash_sale.queue import Line

SEED = "5e" * 32
START_MS = 1_000_000


def line_of(users: list[str], rate: int = 10) -> Line:
    line = Line(rate, 60_000)
    for user in users:
        score = queue.rank(SEED, queue.ticket("s1", user))
        assert queue.join(line, user, score, START_MS - 1, opens_ms=0, start_ms=START_MS)
    return line


def test_early_arrivals_stand_in_the_order_anybody_can_recompute() -> None:
    """By the seed and the tickets alone, whenever they came before the start."""
    users = [f"u{n}" for n in range(200)]
    random.Random(7).shuffle(users)
    line = line_of(users, rate=0)
    order = queue.admit(line, START_MS, START_MS, 1000)
    tickets = {queue.ticket("s1", user): user for user in users}
    assert order == [tickets[one] for one in queue.shuffled(SEED, tickets)]


def test_being_first_by_a_second_gains_nothing() -> None:
    """Over 400 seeds, each of 8 people is in each place about as often (chi squared, p > 0.001)."""
    users = [f"u{n}" for n in range(8)]
    rng = random.Random(20261121)
    seen: Counter[tuple[str, int]] = Counter()
    rounds = 400
    for _ in range(rounds):
        seed = rng.randbytes(32).hex()
        order = queue.shuffled(seed, [queue.ticket("s1", user) for user in users])
        for user in users:
            seen[user, order.index(queue.ticket("s1", user))] += 1
    expected = rounds / 8
    chi = sum((seen[u, p] - expected) ** 2 / expected for u in users for p in range(8))
    assert chi < 85.4  # 49 degrees of freedom at p = 0.001; the seed is fixed, so this never flakes


def test_coming_and_going_does_not_change_a_place() -> None:
    """A ticket is the person's, so nobody can throw the dice twice."""
    assert queue.ticket("s1", "ann") == queue.ticket("s1", "ann") != queue.ticket("s2", "ann")


@settings(max_examples=200)
@given(
    rate=st.integers(1, 50),
    early=st.integers(0, 30),
    steps=st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 5)), max_size=30),
)
def test_nobody_is_let_in_twice_early_or_out_of_turn(
    rate: int, early: int, steps: list[tuple[int, int]]
) -> None:
    """The rate holds over any stretch; late ones come after all early ones, in their order."""
    line = line_of([f"early{n}" for n in range(early)], rate)
    assert queue.admit(line, START_MS - 1, START_MS, 100) == []
    now, late, admitted = START_MS, 0, list[str]()
    for pause, joining in steps:
        for _ in range(joining):
            queue.join(line, f"late{late}", 0, now, opens_ms=0, start_ms=START_MS)
            late += 1
        now += pause
        admitted += queue.admit(line, now, START_MS, 1_000_000)
        assert len(admitted) <= rate * (now - START_MS) / 1000
    assert len(set(admitted)) == len(admitted) == line.let_in
    assert set(admitted).isdisjoint(line.scores)
    assert len(admitted) + len(line.scores) == early + late
    came_late = [user for user in admitted if user.startswith("late")]
    assert came_late == [f"late{n}" for n in range(len(came_late))]
    assert admitted[: min(early, len(admitted))] == [u for u in admitted if u.startswith("early")]


def test_an_idle_line_saves_up_one_second() -> None:
    """A quiet minute is no reason to let a crowd through."""
    line = Line(5, 60_000)
    queue.admit(line, START_MS + 60_000, START_MS, 100)
    for n in range(100):
        queue.join(line, f"u{n}", 0, START_MS + 60_000, opens_ms=0, start_ms=START_MS)
    assert len(queue.admit(line, START_MS + 60_001, START_MS, 100)) == 5


def test_the_line_opens_when_it_was_said() -> None:
    """Not before, and not while no start is known; then an admission lasts its time."""
    line = Line(1, 60_000)
    ask = {"opens_ms": START_MS - 1000, "start_ms": START_MS}
    assert queue.join(line, "ann", 1, START_MS - 1001, **ask) == "not_started"
    assert queue.join(line, "ann", 1, START_MS, opens_ms=0, start_ms=0) == "not_started"
    assert queue.join(line, "ann", 1, START_MS - 1000, **ask) == "waiting"
    assert queue.join(line, "ann", 1, START_MS, **ask) == "waiting"
    assert queue.admit(line, START_MS + 1000, START_MS, 10) == ["ann"]
    assert queue.join(line, "ann", 1, START_MS + 60_999, **ask) == "admitted"
    assert queue.join(line, "ann", 1, START_MS + 61_000, **ask) == "waiting"
    assert queue.leave(line, "ann")
    assert not queue.leave(line, "ann")


def test_the_early_word() -> None:
    """Each person ahead is taken to want one unit."""
    assert queue.sells_out_before(ahead=5, left=5)
    assert not queue.sells_out_before(ahead=4, left=5)
    assert queue.estimate_s(0, 10, 0) == 1
    assert queue.estimate_s(100, 10, 2_500) == 14
    assert queue.estimate_s(100, 0, 0) == 0
