"""Tokens drawn in bulk are as long and as different as those drawn singly."""

from __future__ import annotations

import os
import re
import secrets

from server.randomness import TOKENS_AT_ONCE, token_source


def test_tokens_are_all_different_and_of_the_usual_shape() -> None:
    token = token_source()
    drawn = [token(size) for _ in range(2 * TOKENS_AT_ONCE + 1) for size in (12, 16)]
    assert len(set(drawn)) == len(drawn)
    for size, text in ((12, drawn[0]), (16, drawn[1])):
        assert len(text) == len(secrets.token_urlsafe(size))
        assert re.fullmatch(r"[A-Za-z0-9_-]+", text)


def test_two_sources_share_nothing() -> None:
    one, other = token_source(), token_source()
    assert not {one(12) for _ in range(TOKENS_AT_ONCE)} & {other(12) for _ in range(TOKENS_AT_ONCE)}


def test_another_spelling_is_that_of_the_same_bytes() -> None:
    token = token_source(bytes.hex)
    drawn = {token(10) for _ in range(TOKENS_AT_ONCE + 1)}
    assert len(drawn) == TOKENS_AT_ONCE + 1
    assert all(re.fullmatch(r"[0-9a-f]{20}", text) for text in drawn)


def test_a_child_does_not_hand_out_its_parents_tokens() -> None:
    token = token_source()
    token(12)  # from here others wait to be handed out
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, token(12).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 100).decode() not in {token(12) for _ in range(TOKENS_AT_ONCE)}
