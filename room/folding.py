"""Many people saying the same thing, told as one comment and "×N".

Two comments are the same when they differ only in width, case, spaces, punctuation or in how often
something is repeated ("666" and "66666", "哈哈" and "哈哈哈哈"). The first two are shown; from the
third on, within `FOLD_WINDOW_MS` of the first, they are counted onto the first instead. Staff,
replies and comments that call somebody are never folded: those were meant for someone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from room.text import CharacterTable

FOLD_FROM: Final = 3  # the occurrence that is counted instead of shown
FOLD_WINDOW_MS: Final = 10_000  # people answer one moment of the live for about so long
FOLDS_MAX: Final = 500  # texts watched at once in a room; the oldest is forgotten
REPEATS_PER_TICK_MAX: Final = 20  # counts told in one tick; the others wait for the next
KEY_CHARACTERS_MAX: Final = 64

# The whole text is one unit again and again; digits alone only from three on, for 1 and 11 differ.
_UNIT: Final = re.compile(r"(\D{1,3}?)\1+|(\d)\2{2,}", re.S)
_RUN: Final = re.compile(r"(\D)\1{2,}", re.S)


def same_key(text: str) -> str:
    """What two comments that say the same have in common."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    letters = folded.translate(_COUNTING)
    line = letters or "".join(folded.split())
    whole = _UNIT.fullmatch(line)
    if whole:
        return f"{whole[1] or whole[2]}+"
    return _RUN.sub(r"\1\1", line)[:KEY_CHARACTERS_MAX]


def _counting(character: str) -> str:
    """Letters, digits and emoji; nothing for punctuation and signs."""
    category = unicodedata.category(character)
    return character if category[0] in "LN" or category == "So" else ""


_COUNTING: Final = CharacterTable(_counting)


class Foldable(Protocol):
    """A comment on its way out: `fold` is its `same_key`, or empty when it is never folded."""

    @property
    def fold(self) -> str: ...

    @property
    def comment_id(self) -> str: ...


Item = TypeVar("Item", bound=Foldable)


@dataclass(slots=True)
class _Fold:
    comment_id: str
    n: int
    since_ms: int


class Folds:
    """What one room has been told lately, by what it says."""

    def __init__(self) -> None:
        self._folds: dict[Hashable, _Fold] = {}
        self._untold: dict[str, _Fold] = {}  # comment → its fold, whose count is still to be told

    def part(self, items: Sequence[Item], now_ms: int) -> tuple[list[Item], list[Item]]:
        """Split a tick's comments into those to choose from and those that only repeat."""
        ahead: dict[str, int] = {}
        offered: list[Item] = []
        repeating: list[Item] = []
        for item in items:
            if not item.fold:
                offered.append(item)
                continue
            before = self._current(item.fold, now_ms)
            nth = ahead.get(item.fold, 0) + (before.n if before else 0) + 1
            ahead[item.fold] = ahead.get(item.fold, 0) + 1
            (offered if nth < FOLD_FROM else repeating).append(item)
        return offered, repeating

    def settle(
        self, chosen: Sequence[Item], others: Sequence[Item], now_ms: int
    ) -> tuple[list[Item], list[Item]]:
        """After the choice: split what was not chosen into folded and omitted.

        A repetition of something that was never shown has nothing to be counted onto.
        """
        for item in chosen:
            if item.fold:
                self._shown(item, now_ms)
        folded: list[Item] = []
        omitted: list[Item] = []
        for item in others:
            fold = self._current(item.fold, now_ms) if item.fold else None
            if fold is None:
                omitted.append(item)
                continue
            fold.n += 1
            self._untold[fold.comment_id] = fold
            folded.append(item)
        return folded, omitted

    def take_counts(self) -> Mapping[str, int]:
        """How often comments shown earlier were said by now, of those that changed."""
        counts: dict[str, int] = {}
        while self._untold and len(counts) < REPEATS_PER_TICK_MAX:
            comment_id = next(iter(self._untold))
            counts[comment_id] = self._untold.pop(comment_id).n
        return counts

    @property
    def waiting(self) -> bool:
        """Whether counts are left to be told."""
        return bool(self._untold)

    def counted(self) -> Mapping[str, int]:
        """By comment, how often it was said, for those who come later."""
        return {fold.comment_id: fold.n for fold in self._folds.values() if fold.n >= FOLD_FROM}

    def _current(self, key: str, now_ms: int) -> _Fold | None:
        fold = self._folds.get(key)
        return fold if fold is not None and now_ms - fold.since_ms < FOLD_WINDOW_MS else None

    def _shown(self, item: Foldable, now_ms: int) -> None:
        fold = self._current(item.fold, now_ms)
        if fold is not None:
            fold.n += 1
            return
        self._folds.pop(item.fold, None)
        self._folds[item.fold] = _Fold(item.comment_id, 1, now_ms)
        if len(self._folds) > FOLDS_MAX:
            del self._folds[next(iter(self._folds))]
