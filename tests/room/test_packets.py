"""The split of a rain: exact, a cent each at least, bound by its hash, and fair to every place."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from room import packets
from room.errors import Refused
from room.rain import spec

SEED = bytes(range(32))


def seed_of(number: int) -> bytes:
    return hashlib.sha256(f"seed {number}".encode()).digest()


@given(st.integers(1, 300), st.integers(0, 5_000), st.integers(0, 2**32))
def test_a_split_is_exact_and_leaves_nobody_without_a_cent(
    count: int, more: int, number: int
) -> None:
    total = count + more
    shares = packets.amounts(seed_of(number), "r", total_cents=total, count=count)
    assert len(shares) == count
    assert sum(shares) == total
    assert min(shares) >= 1


@pytest.mark.parametrize(("total", "count"), [(1, 1), (100, 100), (101, 100), (7, 1), (3, 2)])
def test_the_tightest_splits(total: int, count: int) -> None:
    for number in range(50):
        shares = packets.amounts(seed_of(number), "r", total_cents=total, count=count)
        assert sum(shares) == total
        assert min(shares) >= 1


def test_the_bound_keeps_a_cent_for_each_who_comes_later() -> None:
    assert packets.bound_cents(100, 100) == 1
    assert packets.bound_cents(101, 100) == 2
    assert packets.bound_cents(10_000, 100) == 200
    assert packets.bound_cents(3, 2) == 2  # the inclusive textbook bound, 3, would leave nothing


def test_no_place_in_the_rain_is_better_than_another() -> None:
    """How often each of 10 places holds the largest packet, in 4,000 rains of fixed seeds."""
    places, rains = 10, 4_000
    best = [0] * places
    for number in range(rains):
        shares = packets.amounts(seed_of(number), "r", total_cents=10_000, count=places)
        best[shares.index(max(shares))] += 1
    expected = rains / places
    chi_square = sum((seen - expected) ** 2 / expected for seen in best)
    assert chi_square < 27.88  # 9 degrees of freedom, one in a thousand


def test_the_means_of_all_places_agree() -> None:
    places, rains = 10, 4_000
    sums = [0] * places
    for number in range(rains):
        for place, share in enumerate(
            packets.amounts(seed_of(number), "m", total_cents=10_000, count=places)
        ):
            sums[place] += share
    # The standard error of a mean here is about 10 cents.
    assert all(abs(total / rains - 1_000) < 40 for total in sums)


def test_the_same_seed_gives_the_same_rain_and_another_one_another() -> None:
    shares = packets.amounts(SEED, "r", total_cents=1_000, count=10)
    assert shares == packets.amounts(SEED, "r", total_cents=1_000, count=10)
    assert shares != packets.amounts(SEED, "q", total_cents=1_000, count=10)
    assert shares == (93, 250, 145, 81, 196, 35, 49, 47, 99, 5)


def test_the_hash_is_of_seed_and_amounts() -> None:
    wanted = hashlib.sha256(f"r:{SEED.hex()}:1,2,3".encode()).hexdigest()
    assert packets.amounts_hash(SEED, "r", (1, 2, 3)) == wanted


@pytest.mark.parametrize(
    "asked",
    [
        {"total_cents": 99},
        {"count": 0},
        {"count": 10_001, "total_cents": 20_000},
        {"seconds": 0},
        {"per_user": 101, "count": 200, "total_cents": 200},
        {"per_user": 0},
        {"starts_in_s": 301},
    ],
)
def test_what_cannot_be_a_rain_is_refused(asked: dict[str, int]) -> None:
    with pytest.raises(Refused):
        spec(**({"total_cents": 100, "count": 100, "seconds": 10} | asked))
