"""Sensitive words: found in running Chinese, alone in English; masked or refused."""

from __future__ import annotations

import pytest

from room.errors import Refused
from room.limits import ROOM_WORDS_MAX
from room.word_lists import default_words, room_lists, words_from
from room.words import SensitiveWords, Verdict, judge
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
    assert judge(written, [WORDS]).text == shown


@pytest.mark.parametrize(
    "written", ["加微信 abc", "加-微-信", "Kill  yourself", "go kill yourself!"]
)
def test_refused_words_refuse_the_comment(written: str) -> None:
    with pytest.raises(Refused) as refused:
        judge(" ".join(written.split()), [WORDS])
    assert refused.value.code == "sensitive"


def test_no_words_find_nothing() -> None:
    assert judge("anything 什么都行", [SensitiveWords([], [])]).text == "anything 什么都行"


def test_the_shipped_lists_work_in_both_languages() -> None:
    words = default_words()
    assert judge("what the fuck", [words]).text == "what the ****"
    assert judge("这件衣服真好看 nice", [words]).text == "这件衣服真好看 nice"
    with pytest.raises(Refused):
        judge("想要便宜的加我微信", [words])


def test_a_list_file_must_have_a_heading() -> None:
    with pytest.raises(ValueError, match="line 2"):
        words_from(["# comment", "word"])
    with pytest.raises(ValueError, match="line 1"):
        words_from(["[maybe]", "word"])


def test_of_several_lists_the_sternest_word_counts() -> None:
    """The house's and the room's own are looked at together."""
    own = SensitiveWords(mask=["好看"], reject=[], review=["代购", "resale"])
    assert judge("好看 resale shit", [WORDS, own]).verdict is Verdict.REVIEW
    assert judge("好看 resale shit", [WORDS, own]).text == "** resale ****"
    assert judge("代 购", [own]).verdict is Verdict.REVIEW
    assert judge("好看", [own]).verdict is Verdict.MASK
    with pytest.raises(Refused):
        judge("resale 加微信", [own, WORDS])


def test_a_rooms_lists_are_cleaned_and_bounded() -> None:
    lists = room_lists({"mask": [" 好看 ", "好看", "\u202e"], "review": ["x"]})
    assert (lists.mask, lists.review, lists.reject) == (("好看",), ("x",), ())
    for wrong in ({"mask": ["w" * 65]}, {"reject": [f"w{n}" for n in range(ROOM_WORDS_MAX + 1)]}):
        with pytest.raises(Refused):
            room_lists(wrong)
