"""The same said by many is counted once it was shown; nothing is lost on the way."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from room.folding import FOLD_WINDOW_MS, FOLDS_MAX, REPEATS_PER_TICK_MAX, Folds, same_key


@dataclass(frozen=True)
class Said:
    comment_id: str
    fold: str


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("666", "6666666"),
        ("哈哈", "哈哈哈哈哈"),
        ("hahaha", "HAHAHAHA"),
        ("冲!!!", "冲"),
        ("ＮＩＣＥ", "nice"),
        ("so gooood", "so goooooood!"),
        ("好 看", "好看~"),
        ("👍👍", "👍👍👍"),
    ],
)
def test_what_a_reader_takes_for_the_same(one: str, other: str) -> None:
    assert same_key(one) == same_key(other)


@pytest.mark.parametrize(
    ("one", "other"), [("1", "11"), ("100块", "1000块"), ("好看", "不好看"), ("flood 1", "flood 2")]
)
def test_what_is_different(one: str, other: str) -> None:
    assert same_key(one) != same_key(other)


def tick(folds: Folds, texts: list[str], now_ms: int, allowance: int = 1_000) -> dict[str, int]:
    said = [Said(f"{now_ms}-{nth}", text) for nth, text in enumerate(texts)]
    offered, repeating = folds.part(said, now_ms)
    chosen, left_out = offered[:allowance], offered[allowance:]
    folded, omitted = folds.settle(chosen, [*left_out, *repeating], now_ms)
    assert len(chosen) + len(folded) + len(omitted) == len(said)
    return {"shown": len(chosen), "folded": len(folded), "omitted": len(omitted)}


def test_the_third_is_counted_onto_the_first() -> None:
    """Within a tick and in later ones; the count is absolute and told once."""
    folds = Folds()
    assert tick(folds, ["a", "b", "a", "a", ""], 1) == {"shown": 4, "folded": 1, "omitted": 0}
    assert folds.take_counts() == {"1-0": 3}
    assert folds.take_counts() == {}
    assert tick(folds, ["a", "a", ""], 2) == {"shown": 1, "folded": 2, "omitted": 0}
    assert folds.take_counts() == {"1-0": 5}
    assert folds.counted() == {"1-0": 5}
    assert tick(folds, ["a"], 1 + FOLD_WINDOW_MS)["shown"] == 1


def test_what_was_never_shown_has_nothing_to_be_counted_onto() -> None:
    folds = Folds()
    assert tick(folds, ["a"] * 5, 1, allowance=0) == {"shown": 0, "folded": 0, "omitted": 5}
    assert tick(folds, ["a"] * 5, 2, allowance=1) == {"shown": 1, "folded": 4, "omitted": 0}


def test_memory_and_ticks_are_bounded() -> None:
    """Past the bounds the oldest is forgotten, and counts wait for the next tick."""
    folds, rng = Folds(), random.Random(7)
    for now_ms in range(1, 60):
        tick(folds, [str(rng.randrange(3 * FOLDS_MAX)) for _ in range(200)], now_ms)
    assert len(folds.counted()) <= FOLDS_MAX
    told = folds.take_counts()
    assert len(told) == REPEATS_PER_TICK_MAX
    assert not set(told) & set(folds.take_counts())
