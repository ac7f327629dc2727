"""The one gate for text that people write: what passes here is safe to store, count and show.

Unicode NFC; no control, bidi or invisible characters; a bounded pile of combining marks; length
in graphemes and bytes. What the words mean is judged in `words.py`, not here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Final

from room.errors import Refused
from room.limits import NAME_GRAPHEMES_MAX, TEXT_INPUT_CHARACTERS_MAX

# Two marks carry every living orthography (Thai vowel and tone, Arabic shadda and vowel) once NFC
# has composed the rest; more is zalgo, which climbs over the neighbours' lines.
COMBINING_MARKS_MAX: Final = 2

_JOINER: Final = "\u200d"  # holds family emoji together
_SELECTORS: Final = "\ufe0e\ufe0f"  # text or emoji style
_BLANK_LETTERS: Final = "\u115f\u1160\u3164\uffa0\u2800"  # letters that show as nothing
_KEYCAP: Final = "\u20e3"
_BYTES_PER_GRAPHEME_MAX: Final = 25  # a family emoji
# What nearly all text is made of: each shows as itself, composes with no other of them and is one
# grapheme. Such text needs no look at its characters one by one; a test goes through all of these.
_PLAIN: Final = re.compile(
    "[ -~\u3001-\u3029\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff5e"
    "\U0001f300-\U0001f3fa\U0001f400-\U0001f64f]*"
)
_CHARACTERS_KEPT_MAX: Final = 20_000  # of a table; more than any language uses, about 2 MB


class CharacterTable(dict[int, str]):
    """For `str.translate`: what stands for a character, asked once and kept for the next time.

    Bounded: past `_CHARACTERS_KEPT_MAX` it starts anew, for someone may send every one there is.
    """

    def __init__(self, stands_for: Callable[[str], str]) -> None:
        super().__init__()
        self._stands_for = stands_for

    def __missing__(self, code: int) -> str:
        if len(self) >= _CHARACTERS_KEPT_MAX:
            self.clear()
        found = self[code] = self._stands_for(chr(code))
        return found


def normalise(text: str) -> str:
    """The text as it may be kept: one line, no hidden characters, no trailing space."""
    if _PLAIN.fullmatch(text):
        return " ".join(text.split())
    composed = unicodedata.normalize("NFC", text)
    kept: list[str] = []
    marks = 0
    for character in composed:
        replacement = _kept(character, kept)
        marks = marks + 1 if _is_mark(character) else 0
        if replacement and marks <= COMBINING_MARKS_MAX:
            kept.append(replacement)
    line = " ".join("".join(kept).split())
    # Stripping can bring characters together that compose; composing once more makes this a gate
    # that passes its own output unchanged.
    settled = unicodedata.normalize("NFC", line)
    return settled if settled == composed else normalise(settled)


def _kept(character: str, before: list[str]) -> str:
    """What stands for the character in the result: itself, a space, or nothing."""
    if character in "\t\n\r\v\f" or character in _BLANK_LETTERS:
        return " "
    category = unicodedata.category(character)
    if category in ("Zs", "Zl", "Zp"):
        return " "
    if character == _JOINER:
        return character if before and before[-1] != _JOINER and before[-1] != " " else ""
    if category in ("Cc", "Cf", "Cs", "Cn"):
        return ""
    if _is_mark(character) and (not before or before[-1] == " "):
        return ""  # a mark with nothing to sit on would sit on the page's own words
    return character


def _is_mark(character: str) -> bool:
    if character in _SELECTORS or character == _KEYCAP:
        return False
    return unicodedata.category(character) in ("Mn", "Me")


def graphemes(text: str) -> int:
    """How many characters a reader sees, near enough to UAX #29 for a length cap."""
    if _PLAIN.fullmatch(text):
        return len(text)
    count = 0
    joined = False
    half_flag = False
    for character in text:
        regional = "\U0001f1e6" <= character <= "\U0001f1ff"
        if joined or _extends(character) or (regional and half_flag):
            half_flag = False
        else:
            count += 1
            half_flag = regional
        joined = character == _JOINER
    return count


def _extends(character: str) -> bool:
    return (
        character == _JOINER
        or "\U0001f3fb" <= character <= "\U0001f3ff"  # skin tones
        or unicodedata.category(character) in ("Mn", "Me", "Mc")
    )


def clean(
    text: str, *, graphemes_max: int, bytes_max: int | None = None, field: str = "text"
) -> str:
    """The normalised text, or a refusal: `bad_request` when nothing is left, `too_long`."""
    if len(text) > TEXT_INPUT_CHARACTERS_MAX:
        raise _too_long(field, graphemes_max)
    line = normalise(text)
    if not line:
        raise Refused("bad_request", f"{field} is empty")
    size_max = bytes_max if bytes_max is not None else graphemes_max * _BYTES_PER_GRAPHEME_MAX
    if graphemes(line) > graphemes_max or len(line.encode()) > size_max:
        raise _too_long(field, graphemes_max)
    return line


def _too_long(field: str, graphemes_max: int) -> Refused:
    return Refused(
        "too_long",
        f"{field} is longer than {graphemes_max} characters",
        details={"field": field, "max": graphemes_max},
    )


def cut(text: str, graphemes_max: int) -> str:
    """The beginning of a text, at most so many graphemes, normalised."""
    line = normalise(text[:TEXT_INPUT_CHARACTERS_MAX])
    if graphemes(line) <= graphemes_max:
        return line
    end = 0
    while end < len(line) and graphemes(line[: end + 1]) <= graphemes_max:
        end += 1
    return line[:end].rstrip()


def clean_name(name: str, default: str) -> str:
    """A display name, cut to its limit instead of refused; `default` when nothing is left."""
    return cut(name, NAME_GRAPHEMES_MAX) or default
