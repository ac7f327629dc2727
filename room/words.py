"""Sensitive words in Chinese and English: found, then masked, held for review or refused.

Chinese words are found inside running text with spaces and punctuation taken out, so that
"加 微 信" is found. English words must stand alone, so that "class" passes.
"""

from __future__ import annotations

import enum
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import ahocorasick

from room.errors import Refused
from room.text import CharacterTable

WORDS_MAX: Final = 50_000
WORD_CHARACTERS_MAX: Final = 64
MASK: Final = "*"

# Digits and signs that stand for letters, undone only where an English word is looked for.
_LOOKALIKES: Final = str.maketrans("013457@$", "oieastas")
_LOOKALIKES_AND_MARK: Final = str.maketrans("013457@$!", "oieastasi")  # a mark may end a sentence
_HAS_LOOKALIKE: Final = re.compile("[013457@$!]")


class Verdict(enum.IntEnum):
    """What a word does to the comment it stands in; the sternest of several counts."""

    PASS = 0
    MASK = 1
    REVIEW = 2
    REJECT = 3


@dataclass(frozen=True, slots=True)
class Judged:
    """A text with its masked words starred out, and the sternest verdict on it."""

    text: str
    verdict: Verdict


class SensitiveWords:
    """Three lists made ready for searching. Building costs; build once and share."""

    def __init__(
        self, mask: Iterable[str], reject: Iterable[str], review: Iterable[str] = ()
    ) -> None:
        verdicts = {_folded(word): Verdict.MASK for word in mask}
        verdicts |= {_folded(word): Verdict.REVIEW for word in review}
        verdicts |= {_folded(word): Verdict.REJECT for word in reject}
        verdicts.pop("", None)
        if len(verdicts) > WORDS_MAX:
            raise ValueError(f"more than {WORDS_MAX} sensitive words")
        if any(len(word) > WORD_CHARACTERS_MAX for word in verdicts):
            raise ValueError(f"a sensitive word is longer than {WORD_CHARACTERS_MAX} characters")
        standing = {word: found for word, found in verdicts.items() if word.isascii()}
        running = {
            "".join(word.split()): found for word, found in verdicts.items() if not word.isascii()
        }
        self._standing = _automaton(standing)
        self._running = _automaton(running)

    def find(self, text: str) -> list[tuple[range, Verdict]]:
        """Where in the text which words stand."""
        return [*self._find_running(text), *self._find_standing(text)]

    def _find_running(self, text: str) -> list[tuple[range, Verdict]]:
        """Matches with everything but letters and digits ignored, as ranges of the original."""
        if text.isascii():
            return []  # each of these words has a letter that is not
        matches = list(_matches(self._running, text.translate(_LETTERS)))
        if not matches:
            return []
        places = [at for at, character in enumerate(text) if character.translate(_LETTERS)]
        found: list[tuple[range, Verdict]] = []
        for end, (size, verdict) in matches:
            found.append((range(places[end - size + 1], places[end] + 1), verdict))
        return found

    def _find_standing(self, text: str) -> list[tuple[range, Verdict]]:
        """Matches with no letter or digit on either side."""
        found: list[tuple[range, Verdict]] = []
        folded = text.casefold() if text.isascii() else text.translate(_FOLDS)
        spellings = {folded}
        if _HAS_LOOKALIKE.search(folded):
            spellings |= {folded.translate(_LOOKALIKES), folded.translate(_LOOKALIKES_AND_MARK)}
        for spelling in spellings:
            for end, (size, verdict) in _matches(self._standing, spelling):
                start = end - size + 1
                if not _is_latin(spelling, start - 1) and not _is_latin(spelling, end + 1):
                    found.append((range(start, end + 1), verdict))
        return found


def judge(text: str, lists: Iterable[SensitiveWords]) -> Judged:
    """The text by all the lists that apply. Refuses with `sensitive`."""
    hidden: set[int] = set()
    sternest = Verdict.PASS
    for words in lists:
        for places, verdict in words.find(text):
            if verdict is Verdict.REJECT:
                raise Refused("sensitive", "this comment contains words that are not allowed here")
            sternest = max(sternest, verdict)
            if verdict is Verdict.MASK:
                hidden.update(places)
    if not hidden:
        return Judged(text, sternest)
    masked = "".join(MASK if at in hidden else character for at, character in enumerate(text))
    return Judged(masked, sternest)


def _automaton(verdicts: dict[str, Verdict]) -> ahocorasick.Automaton | None:
    """None for no words: the library refuses to search an empty automaton."""
    if not verdicts:
        return None
    automaton = ahocorasick.Automaton()
    for word, verdict in verdicts.items():
        automaton.add_word(word, (len(word), verdict))
    automaton.make_automaton()
    return automaton


def _matches(
    automaton: ahocorasick.Automaton | None, text: str
) -> Iterable[tuple[int, tuple[int, Verdict]]]:
    return automaton.iter(text) if automaton is not None and text else ()


def _folded(word: str) -> str:
    return " ".join(word.split()).translate(_FOLDS)


def _fold_one(character: str) -> str:
    """One character for one character, so that places in the fold are places in the text."""
    folded = unicodedata.normalize("NFKC", character).casefold()
    if len(folded) != 1:
        return character
    base = unicodedata.normalize("NFD", folded)[0]
    return base if base.isascii() else folded


def _letter(character: str) -> str:
    """A letter or digit folded; nothing for anything else."""
    return _fold_one(character) if unicodedata.category(character)[0] in "LN" else ""


_FOLDS: Final = CharacterTable(_fold_one)
_LETTERS: Final = CharacterTable(_letter)


def _is_latin(text: str, at: int) -> bool:
    return 0 <= at < len(text) and text[at].isascii() and text[at].isalnum()
