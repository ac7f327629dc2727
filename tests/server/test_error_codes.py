"""The table of codes is whole and says sensible things."""

from __future__ import annotations

import re

from server.error_codes import ERRORS, CloseCode, may_retry, status_of


def test_codes_are_stable_words_with_an_error_status() -> None:
    """A client's switch needs plain names; HTTP needs a 4xx or 5xx."""
    for code, entry in ERRORS.items():
        assert re.fullmatch(r"[a-z_]+", code)
        assert 400 <= entry.status < 600
        assert entry.meaning.endswith(".")


def test_an_unknown_code_is_our_fault() -> None:
    """A code that is missing from the table must not look like the client's mistake."""
    assert status_of("no_such_code") == 500
    assert not may_retry("no_such_code")


def test_what_waiting_cures_may_be_tried_again() -> None:
    """And what waiting does not cure may not."""
    assert all(may_retry(code) for code in ("rate_limited", "slow_mode", "unknown_outcome"))
    assert not any(may_retry(code) for code in ("sold_out", "banned", "bad_request"))


def test_close_codes_tell_whether_to_reconnect() -> None:
    """4000-4499 reconnect, 4500-4999 do not."""
    assert CloseCode.DRAINING.may_reconnect
    assert CloseCode.TOKEN_EXPIRED.may_reconnect
    assert not CloseCode.BANNED.may_reconnect
    assert not CloseCode.PROTOCOL.may_reconnect
