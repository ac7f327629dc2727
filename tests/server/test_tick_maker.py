"""What a tick over plain HTTP says of the state, and of what was said unheard."""

from __future__ import annotations

from server.tick_maker import changes, unheard


def test_a_tick_tells_the_parts_that_differ() -> None:
    """Of the stock, the SKUs that do; of what is the same, nothing."""
    stock = {"a": {"left": 1, "v": 1}, "b": {"left": 2, "v": 1}}
    before: dict[str, object] = {"likes": 1, "cards": [1], "stock": stock}
    after = {**before, "likes": 2, "stock": {**stock, "a": {"left": 0, "v": 2}}}
    assert changes(before, after) == {"likes": 2, "stock": {"a": {"left": 0, "v": 2}}}
    assert changes(before, dict(before)) == {}
    assert changes({}, after) == after


def test_what_was_said_between_two_makers_is_counted_by_worker() -> None:
    """A worker that began anew, or was never heard before, is not guessed about."""
    before = {"w1": {"comment": 5, "notice": 1}, "w2": {"comment": 9}, "gone": {"comment": 3}}
    now = {"w1": {"comment": 7, "notice": 1}, "w2": {"comment": 2}, "new": {"comment": 4}}
    assert unheard(before, now) == {"comment": 2}
    assert unheard({}, now) == {}
