"""Reads word lists: the shipped ones, a house's own file, a room's own. `words.py` searches them.

A list file has one word or phrase a line under `[mask]`, `[review]` or `[reject]`; `#` begins a
comment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Final

import msgspec

from room.errors import Refused
from room.limits import ROOM_WORDS_MAX
from room.text import normalise
from room.words import WORD_CHARACTERS_MAX, SensitiveWords

LIST_FILES: Final = ("zh.txt", "en.txt")
HEADINGS: Final = ("mask", "review", "reject")


class WordLists(msgspec.Struct, frozen=True):
    """A room's own words, by what they do to a comment."""

    mask: tuple[str, ...] = ()
    review: tuple[str, ...] = ()
    reject: tuple[str, ...] = ()

    def ready(self) -> SensitiveWords:
        """The lists made ready for searching."""
        return SensitiveWords(mask=self.mask, review=self.review, reject=self.reject)


def default_lines() -> list[str]:
    """The lines of the shipped lists. Reads files: call once at the start."""
    folder = files("room").joinpath("word_files")
    lines: list[str] = []
    for name in LIST_FILES:
        lines += folder.joinpath(name).read_text(encoding="utf-8").splitlines()
    return lines


def default_words() -> SensitiveWords:
    """The shipped lists, ready for searching."""
    return words_from(default_lines())


def words_from(*lists: Iterable[str]) -> SensitiveWords:
    """All lists as one. Raises ValueError for a word before any heading or an unknown heading."""
    sections: dict[str, list[str]] = {name: [] for name in HEADINGS}
    for lines in lists:
        _read(lines, sections)
    return SensitiveWords(**sections)


def _read(lines: Iterable[str], sections: Mapping[str, list[str]]) -> None:
    heading = ""
    for number, line in enumerate(lines, start=1):
        word = line.partition("#")[0].strip()
        if word.startswith("["):
            heading = word.strip("[]")
        elif word and heading in sections:
            sections[heading].append(word)
        if word and heading not in sections:
            raise ValueError(f"line {number}: expected [mask], [review] or [reject]: {word!r}")


def room_lists(given: Mapping[str, Sequence[str]]) -> WordLists:
    """A room's own lists from what staff typed: cleaned, each word once.

    Refuses with bad_request past `ROOM_WORDS_MAX` words or `WORD_CHARACTERS_MAX` a word.
    """
    lists = {name: _cleaned(given.get(name, ())) for name in HEADINGS}
    if sum(map(len, lists.values())) > ROOM_WORDS_MAX:
        raise Refused("bad_request", f"at most {ROOM_WORDS_MAX} words a room")
    return WordLists(**lists)


def _cleaned(words: Sequence[str]) -> tuple[str, ...]:
    lines = dict.fromkeys(normalise(word) for word in words)
    if any(len(line) > WORD_CHARACTERS_MAX for line in lines):
        raise Refused("bad_request", f"a word has at most {WORD_CHARACTERS_MAX} characters")
    return tuple(line for line in lines if line)
