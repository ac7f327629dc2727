"""A forked child is its own process: its end, its signals, its descriptors."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from server.forked import FAILED, Forked
from tests.waiting import until


def ended(body: Callable[[], int], keep: Collection[int] = ()) -> int | None:
    return end_of(Forked(body, title="liveroom test", keep=keep))


def end_of(child: Forked) -> int | None:
    """The exit status, once it has one."""
    until(lambda: child.poll() is not None)
    return child.returncode


def test_what_the_body_returns_is_the_exit_status() -> None:
    assert ended(lambda: 0) == 0
    assert ended(lambda: 7) == 7


def test_a_body_that_raises_fails_and_says_why(capfd: pytest.CaptureFixture[str]) -> None:
    def body() -> int:
        raise ValueError("no such room")

    assert ended(body) == FAILED
    assert "ValueError: no such room" in capfd.readouterr().err


def test_what_waits_in_a_buffer_is_said_once(capfd: pytest.CaptureFixture[str]) -> None:
    sys.stdout.write("said before the fork")
    assert ended(lambda: 0) == 0
    assert capfd.readouterr().out.count("said before the fork") == 1


def test_it_ends_by_a_signal_although_its_parent_counts_them() -> None:
    """The parent's handling is not inherited, or no worker could be stopped."""
    told, tell = os.pipe()
    counted: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: counted.append(number))
    try:
        child = Forked(lambda: len(os.read(told, 1)), title="liveroom test", keep=(told,))
        child.terminate()
        assert end_of(child) == -signal.SIGTERM
        assert counted == []
    finally:
        signal.signal(signal.SIGTERM, before)
        os.close(told)
        os.close(tell)


def test_it_keeps_only_the_descriptors_it_was_given() -> None:
    """A lock or a listener of the parent would outlive it in a child."""
    kept, write = os.pipe()

    def body() -> int:
        return len({int(name) for name in os.listdir("/dev/fd")} - {0, 1, 2, kept})

    try:
        assert ended(body, keep=(kept,)) == 1  # the listing's own descriptor
    finally:
        os.close(kept)
        os.close(write)


def test_it_has_a_session_and_a_title_of_its_own(tmp_path: Path) -> None:
    """Ctrl-C in a terminal reaches the supervisor alone, and `ps` tells the workers apart."""
    found = tmp_path / "found"

    def body() -> int:
        title = Path("/proc/self/cmdline").read_bytes().strip(b"\0 ").decode()
        found.write_text(f"{os.getsid(0) == os.getpid()} {title}")
        return 0

    assert ended(body) == 0
    assert found.read_text() == "True liveroom test"


def test_signals_to_one_that_has_ended_reach_nobody() -> None:
    """Its number may belong to somebody else by then."""
    child = Forked(lambda: 0, title="liveroom test", keep=())
    end_of(child)
    child.kill()
    child.terminate()
    assert child.poll() == 0
