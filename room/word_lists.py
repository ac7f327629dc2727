"""Reads the word lists that come with the package. Searching them is `words.py`'s work.

A list file has one word or phrase a line under `[mask]` or `[reject]`; `#` begins a comment.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from typing import Final

from room.words import SensitiveWords

LIST_FILES: Final = ("zh.txt", "en.txt")


def default_words() -> SensitiveWords:
    """The shipped lists, ready for searching. Reads files: call once at the start."""
    folder = files("room").joinpath("word_files")
    lines: list[str] = []
    for name in LIST_FILES:
        lines += folder.joinpath(name).read_text(encoding="utf-8").splitlines()
    return words_from(lines)


def words_from(lines: Iterable[str]) -> SensitiveWords:
    """Raises ValueError for a word before any heading or an unknown heading."""
    sections: dict[str, list[str]] = {"[mask]": [], "[reject]": []}
    heading = ""
    for number, line in enumerate(lines, start=1):
        word = line.partition("#")[0].strip()
        if word.startswith("["):
            heading = word
        elif word and heading in sections:
            sections[heading].append(word)
        if word and heading not in sections:
            raise ValueError(f"line {number}: expected [mask] or [reject] before {word!r}")
    return SensitiveWords(mask=sections["[mask]"], reject=sections["[reject]"])
