"""Admissions and puzzles: what passes, and everything that must not."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flash_sale import doors
from flash_sale.doors import Door, Limits
from flash_sale.errors import Refused

SECRET = b"secret"
DOOR = Door("s1", "ab" * 32, rate_per_s=5, opens_before_s=60, puzzle_bits=8)


def test_an_admission_is_one_persons_for_one_sale_until_its_time() -> None:
    token = doors.admission(SECRET, "s1", "ann", 5_000)
    assert doors.admits(SECRET, token, "s1", "ann", 4_999)
    assert not doors.admits(SECRET, token, "s1", "ann", 5_000)
    assert not doors.admits(SECRET, token, "s1", "bob", 1)
    assert not doors.admits(SECRET, token, "s2", "ann", 1)
    assert not doors.admits(b"other", token, "s1", "ann", 1)
    later = token.replace("5000.", "9000.")
    assert not doors.admits(SECRET, later, "s1", "ann", 1)


@given(token=st.text(max_size=60))
def test_nothing_made_up_is_an_admission(token: str) -> None:
    assert not doors.admits(SECRET, token, "s1", "ann", 1)


def test_a_challenge_is_no_admission() -> None:
    puzzle = doors.challenge(SECRET, "s1", "ann", 5_000)
    assert not doors.admits(SECRET, puzzle, "s1", "ann", 1)


def test_a_puzzle_is_solved_by_work_alone() -> None:
    """By the first nonce with enough zero bits, for the person, sale and time it was given for."""
    puzzle = doors.challenge(SECRET, "s1", "ann", 5_000)
    nonce = next(str(n) for n in itertools.count() if doors.zero_bits(puzzle, str(n)) >= 8)

    def solves(who: str = "ann", given: str = nonce, now_ms: int = 1) -> bool:
        return doors.solves(SECRET, puzzle, given, 8, sale_id="s1", user_id=who, now_ms=now_ms)

    assert solves()
    assert not solves(who="bob")
    assert not solves(now_ms=5_000)
    assert not solves(given=nonce + "0" * 40)
    wrong = next(str(n) for n in itertools.count() if doors.zero_bits(puzzle, str(n)) < 8)
    assert not solves(given=wrong)


@given(puzzle=st.text(max_size=20), nonce=st.text(max_size=20))
def test_zero_bits_are_leading_ones(puzzle: str, nonce: str) -> None:
    digest = hashlib.sha256(f"{puzzle}:{nonce}".encode()).digest()
    bits = "".join(f"{byte:08b}" for byte in digest)
    assert doors.zero_bits(puzzle, nonce) == len(bits) - len(bits.lstrip("0"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"rate_per_s": -1},
        {"rate_per_s": 1_000_000},
        {"opens_before_s": 100_000},
        {"puzzle_bits": 40},
        {"limits": Limits(user=-1)},
        {"seed": "ab"},
    ],
)
def test_a_doors_numbers_have_limits(wrong: dict[str, object]) -> None:
    DOOR.check()
    with pytest.raises(Refused, match="bad_request"):
        replace(DOOR, **wrong).check()  # type: ignore[arg-type]


def test_the_seed_is_committed_to_and_not_told() -> None:
    assert DOOR.seed not in str(DOOR.to_wire())
    assert DOOR.to_wire()["seed_hash"] == hashlib.sha256(bytes.fromhex(DOOR.seed)).hexdigest()
