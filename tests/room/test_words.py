"""Sensitive words: found in running Chinese, alone in English; masked or refused."""

from __future__ import annotations

import pytest

from room.errors import Refused
from room.word_lists import default_words, words_from
from room.words import SensitiveWords
from tests.room.people import WORDS


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("你个傻逼主播", "你个**主播"),
        ("傻 逼", "***"),
        ("傻。逼!", "***!"),
        ("oh SHIT, no", "oh ****, no"),
        ("5h1t", "****"),
        ("ｓｈｉｔ", "****"),
        ("shitake mushrooms, a classic", "shitake mushrooms, a classic"),
        ("好看", "好看"),
        ("", ""),
    ],
)
def test_masked_words_are_starred_out(written: str, shown: str) -> None:
    assert WORDS.screen(written) == shown


@pytest.mark.parametrize(
    "written", ["加微信 abc", "加-微-信", "Kill  yourself", "go kill yourself!"]
)
def test_refused_words_refuse_the_comment(written: str) -> None:
    with pytest.raises(Refused) as refused:
        WORDS.screen(" ".join(written.split()))
    assert refused.value.code == "sensitive"


def test_no_words_find_nothing() -> None:
    assert SensitiveWords([], []).screen("anything 什么都行") == "anything 什么都行"


def test_the_shipped_lists_work_in_both_languages() -> None:
    words = default_words()
    assert words.screen("what the fuck") == "what the ****"
    assert words.screen("这件衣服真好看 nice") == "这件衣服真好看 nice"
    with pytest.raises(Refused):
        words.screen("想要便宜的加我微信")


def test_a_list_file_must_have_a_heading() -> None:
    with pytest.raises(ValueError, match="line 2"):
        words_from(["# comment", "word"])
    with pytest.raises(ValueError, match="line 1"):
        words_from(["[maybe]", "word"])
