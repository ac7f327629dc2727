"""Text that people write: what is stripped, capped and counted."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from room import text
from room.errors import Refused


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("  hello \n\t world  ", "hello world"),
        ("e\u0301", "é"),
        ("abc\u202egpj.exe", "abcgpj.exe"),
        ("a\u200bb\ufeffc\u2066d\u00ad", "abcd"),
        ("\x00\x1b[31mred\x7f", "[31mred"),
        ("z\u0335\u0335\u0335\u0335\u0335a", "z\u0335\u0335a"),
        ("\u0301\u0301abc", "abc"),
        ("\u3164\u2800 \u115f", ""),
        ("a\ud800b", "ab"),
        ("👨‍👩‍👧 ok", "👨‍👩‍👧 ok"),
        ("❤️", "❤️"),
        ("这是\u2028中文", "这是 中文"),
        ("\U000e0041\U000e0042x", "x"),
        ("ที่นี่", "ที่นี่"),
    ],
)
def test_hidden_characters_go_and_visible_ones_stay(written: str, kept: str) -> None:
    assert text.normalise(written) == kept


@given(st.text())
def test_the_gate_passes_its_own_output_unchanged(written: str) -> None:
    once = text.normalise(written)
    assert text.normalise(once) == once
    assert unicodedata.is_normalized("NFC", once)


@given(st.text(st.characters(codec=None)))
def test_nothing_that_steers_the_page_gets_through(written: str) -> None:
    for character in text.normalise(written):
        assert character == "\u200d" or unicodedata.category(character) not in (
            "Cc",
            "Cf",
            "Cs",
            "Cn",
            "Zl",
            "Zp",
        )


@given(st.text(st.sampled_from("a\u0301\u0300\u0489\u200d👩b "), max_size=60))
def test_marks_never_pile_up(written: str) -> None:
    pile = 0
    for character in text.normalise(written):
        pile = pile + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        assert pile <= text.COMBINING_MARKS_MAX


@pytest.mark.parametrize(
    ("written", "count"),
    [
        ("", 0),
        ("abc", 3),
        ("中文", 2),
        ("👨‍👩‍👧", 1),
        ("👍🏽", 1),
        ("🇨🇳🇬🇧", 2),
        ("❤️", 1),
        ("e\u0323", 1),
    ],
)
def test_length_is_what_a_reader_sees(written: str, count: int) -> None:
    assert text.graphemes(written) == count


def test_the_cap_is_exact() -> None:
    assert text.clean("字" * 200, graphemes_max=200) == "字" * 200
    with pytest.raises(Refused) as refused:
        text.clean("字" * 201, graphemes_max=200)
    assert refused.value.code == "too_long"


def test_bytes_are_capped_besides() -> None:
    with pytest.raises(Refused, match="longer"):
        text.clean("👨‍👩‍👧‍👦" * 100, graphemes_max=200, bytes_max=2_000)


def test_a_huge_text_is_refused_before_any_work() -> None:
    with pytest.raises(Refused, match="longer"):
        text.clean(" " * 9_000, graphemes_max=200)


def test_nothing_but_blanks_is_empty() -> None:
    with pytest.raises(Refused) as refused:
        text.clean(" \u200b\u3164 ", graphemes_max=200)
    assert refused.value.code == "bad_request"


def test_a_name_is_cut_instead_of_refused() -> None:
    assert text.clean_name("字" * 40, "someone") == "字" * 32
    assert text.clean_name("\u202e", "someone") == "someone"


def test_plain_text_is_taken_as_it_is_and_is_what_the_long_way_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every character of the short way, each after each kind of other and behind a space."""
    plain = [chr(code) for code in range(0x110000) if text._PLAIN.fullmatch(chr(code))]
    assert len(plain) > 30_000
    line = "".join(plain) + "".join(reversed(plain)) + "x".join(plain[:: len(plain) // 500])
    short = text.normalise(line), text.graphemes(line)
    monkeypatch.setattr(text, "_PLAIN", re.compile("(?!)"))
    assert (text.normalise(line), text.graphemes(line)) == short


def test_a_table_of_characters_is_bounded() -> None:
    table = text.CharacterTable(str.upper)
    for code in range(text._CHARACTERS_KEPT_MAX + 10):
        assert chr(code).translate(table) == chr(code).upper()
    assert len(table) <= text._CHARACTERS_KEPT_MAX
    assert "a1ß".translate(table) == "A1SS"
