"""Sensitive words in Chinese and English: found, then masked or the comment refused.

Chinese words are found inside running text with spaces and punctuation taken out, so that
"加 微 信" is found. English words must stand alone, so that "class" passes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Final

import ahocorasick

from room.errors import Refused

WORDS_MAX: Final = 50_000
WORD_CHARACTERS_MAX: Final = 64
MASK: Final = "*"

# Digits and signs that stand for letters, undone only where an English word is looked for.
_LOOKALIKES: Final = str.maketrans("013457@$", "oieastas")
_LOOKALIKES_AND_MARK: Final = str.maketrans("013457@$!", "oieastasi")  # a mark may end a sentence


class SensitiveWords:
    """Two lists made ready for searching. Building costs; build once and share."""

    def __init__(self, mask: Iterable[str], reject: Iterable[str]) -> None:
        verdicts = {_folded(word): False for word in mask}
        verdicts |= {_folded(word): True for word in reject}
        verdicts.pop("", None)
        if len(verdicts) > WORDS_MAX:
            raise ValueError(f"more than {WORDS_MAX} sensitive words")
        if any(len(word) > WORD_CHARACTERS_MAX for word in verdicts):
            raise ValueError(f"a sensitive word is longer than {WORD_CHARACTERS_MAX} characters")
        standing = {word: refuse for word, refuse in verdicts.items() if word.isascii()}
        running = {
            "".join(word.split()): refuse for word, refuse in verdicts.items() if not word.isascii()
        }
        self._standing = _automaton(standing)
        self._running = _automaton(running)

    def screen(self, text: str) -> str:
        """The text with masked words starred out. Refuses with `sensitive`."""
        hidden: set[int] = set()
        for places, refuse in [*self._find_running(text), *self._find_standing(text)]:
            if refuse:
                raise Refused("sensitive", "this comment contains words that are not allowed here")
            hidden.update(places)
        if not hidden:
            return text
        return "".join(MASK if at in hidden else character for at, character in enumerate(text))

    def _find_running(self, text: str) -> list[tuple[range, bool]]:
        """Matches with everything but letters and digits ignored, as ranges of the original."""
        letters, places = _letters(text)
        found: list[tuple[range, bool]] = []
        for end, (size, refuse) in _matches(self._running, letters):
            found.append((range(places[end - size + 1], places[end] + 1), refuse))
        return found

    def _find_standing(self, text: str) -> list[tuple[range, bool]]:
        """Matches with no letter or digit on either side."""
        found: list[tuple[range, bool]] = []
        folded = "".join(_fold_one(character) for character in text)
        spellings = (folded, folded.translate(_LOOKALIKES), folded.translate(_LOOKALIKES_AND_MARK))
        for spelling in set(spellings):
            for end, (size, refuse) in _matches(self._standing, spelling):
                start = end - size + 1
                if not _is_latin(spelling, start - 1) and not _is_latin(spelling, end + 1):
                    found.append((range(start, end + 1), refuse))
        return found


def _automaton(verdicts: dict[str, bool]) -> ahocorasick.Automaton | None:
    """None for no words: the library refuses to search an empty automaton."""
    if not verdicts:
        return None
    automaton = ahocorasick.Automaton()
    for word, refuse in verdicts.items():
        automaton.add_word(word, (len(word), refuse))
    automaton.make_automaton()
    return automaton


def _matches(
    automaton: ahocorasick.Automaton | None, text: str
) -> Iterable[tuple[int, tuple[int, bool]]]:
    return automaton.iter(text) if automaton is not None and text else ()


def _folded(word: str) -> str:
    return "".join(_fold_one(character) for character in " ".join(word.split()))


def _fold_one(character: str) -> str:
    """One character for one character, so that places in the fold are places in the text."""
    folded = unicodedata.normalize("NFKC", character).casefold()
    if len(folded) != 1:
        return character
    base = unicodedata.normalize("NFD", folded)[0]
    return base if base.isascii() else folded


def _letters(text: str) -> tuple[str, list[int]]:
    """Folded letters and digits only, with the place each came from."""
    letters: list[str] = []
    places: list[int] = []
    for at, character in enumerate(text):
        if unicodedata.category(character)[0] in "LN":
            letters.append(_fold_one(character))
            places.append(at)
    return "".join(letters), places


def _is_latin(text: str, at: int) -> bool:
    return 0 <= at < len(text) and text[at].isascii() and text[at].isalnum()
