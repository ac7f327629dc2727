"""The words of the pages: the same keys in both languages, all used, none lacking, numbers formed.

A key is used when a script names it whole, or builds it: then what is filled in must itself be
named in the scripts or in the server, so that the words of something that is gone are found.
"""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path

import msgspec
import pytest

import server.commands
from server.error_codes import ERRORS
from server.registry import all_commands

ROOT = Path(__file__).resolve().parents[2]
JS = ROOT / "server" / "pages" / "js"
WORD = re.compile(r'^ {2}"?([A-Za-z0-9_.]+)"?: "((?:[^"\\]|\\.)*)"', re.MULTILINE)
NAMED = re.compile(r"""["'`]([A-Za-z0-9_.]+)["'`]|(?<![\w.])(\d+)(?![\w.])""")
BUILT = re.compile(r"`((?:[a-z][A-Za-z0-9_]*[._])+[^`\s/]*\$\{[^`]*?)`")
ASKED = re.compile(r'\bt\("([^"]+)"')
FILLED = re.compile(r"\$\{[^}]*\}")
HOLE = re.compile(r"\{(\w+)\}")  # not the forms that go with a number
COUNT = r"\{(?:n|need|have|count|winners|quota|left|open|orders)\}"
UNFORMED = re.compile(COUNT + r" (?:(?!s |min )[a-z]+ )?(?:people|entries|[a-z]{3,}(?<!s)s)\b")
FIELD = re.compile(r"^ {4}(\w+): ", re.MULTILINE)
NOTED = re.compile(r'note_act\(.*"([a-z_]+\.[a-z_]+)"')


UNTOLD = {"bad_signature", "stale_signature", "method_not_allowed"}  # only programs are given them


def dictionary(lang: str) -> dict[str, str]:
    """Every key with its words."""
    found: dict[str, str] = {}
    for path in sorted((JS / "i18n").glob(f"*{lang}.js")):
        for key, text in WORD.findall(path.read_text("utf-8")):
            assert key not in found, f"{key} is written twice in {lang}"
            found[key] = text
    assert len(found) > 1_000
    return found


EN, ZH = dictionary("en"), dictionary("zh")
SCRIPTS = [p.read_text("utf-8") for p in sorted(JS.rglob("*.js")) if p.parent.name != "i18n"]


def named_in(texts: list[str]) -> set[str]:
    return {one for pair in chain(*map(NAMED.findall, texts)) for one in pair if one}


def server_texts() -> list[str]:
    paths = chain(
        *(sorted((ROOT / each).rglob("*.py")) for each in ("room", "flash_sale", "server"))
    )
    return [path.read_text("utf-8") for path in paths]


def test_both_languages_have_the_same_words() -> None:
    """A key in one dictionary only would show itself raw in the other."""
    assert EN.keys() ^ ZH.keys() == set()


def test_both_languages_fill_in_the_same() -> None:
    """A number that one of them leaves out is a fact that its readers are not told."""
    differ = {key: (EN[key], ZH[key]) for key in EN if holes(EN[key]) != holes(ZH[key])}
    assert differ == {}


def holes(words: str) -> set[str]:
    return set(HOLE.findall(words))


def test_every_word_asked_for_is_there() -> None:
    asked = set(chain(*map(ASKED.findall, SCRIPTS)))
    assert len(asked) > 500
    assert asked - EN.keys() == set()


def test_no_word_is_left_over() -> None:
    """Words of what is gone are translated for nobody."""
    whole = named_in(SCRIPTS)
    parts = whole | named_in(server_texts()) | set(chain(*map(FIELD.findall, server_texts())))
    built = {
        re.compile(FILLED.sub("\0", each).replace(".", r"\.").replace("\0", "([A-Za-z0-9_.]+)"))
        for each in chain(*map(BUILT.findall, SCRIPTS))
    }
    rest = [key for key in EN if key not in whole]
    matches = {key: [m for each in built if (m := each.fullmatch(key))] for key in rest}
    unused = [key for key in rest if not any(parts.issuperset(m.groups()) for m in matches[key])]
    assert unused == []


def test_every_refusal_has_words() -> None:
    """Each code of the server; the rest are the client's own."""
    told = {key.removeprefix("error.") for key in EN if key.startswith("error.")}
    assert ERRORS.keys() - told == UNTOLD
    own = named_in(SCRIPTS)
    assert told - ERRORS.keys() - own == set()


@pytest.mark.parametrize("words", [EN, ZH], ids=["en", "zh"])
def test_every_act_of_staff_has_words(words: dict[str, str]) -> None:
    """The audit trail names operation and parameters in the reader's language."""
    assert server.commands
    acts = [each for each in all_commands() if each.is_staff_act]
    ops = {each.op for each in acts} | set(chain(*map(NOTED.findall, server_texts())))
    assert {key.removeprefix("trail.op.") for key in words if key.startswith("trail.op.")} == ops
    fields = {field.encode_name for each in acts for field in msgspec.structs.fields(each.params)}
    told = {key.removeprefix("trail.field.") for key in words if key.startswith("trail.field.")}
    assert fields - told == set()


def test_english_counts_take_the_form_of_their_number() -> None:
    """ "1 winners" cannot be written: a counted noun names both forms (`{n|winner|winners}`)."""
    assert {key: text for key, text in EN.items() if UNFORMED.search(text)} == {}
