"""`liveroom serve`: what it starts, restarts and ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import redis

from server.embedded import socket_path
from tests.running_server import RunningServer
from tests.waiting import process_runs, until


def test_two_workers_serve_one_port_and_a_signal_ends_all(tmp_path: Path) -> None:
    """SIGTERM: the workers drain, Redis stops, the exit status is 0, nothing is left."""
    with RunningServer(tmp_path / "data", "--workers", "2") as server:
        assert len(server.workers) == 2
        assert server.status("/readyz") == 200
        started = [*server.workers, *server.redis]
        server.process.terminate()
        assert server.process.wait(20) == 0
        assert not [pid for pid in started if process_runs(pid)]


def test_a_killed_worker_is_replaced(tmp_path: Path) -> None:
    """The others keep serving; the successor takes over the same listener."""
    with RunningServer(tmp_path / "data", "--workers", "2") as server:
        before = server.workers
        os.kill(before[0], signal.SIGKILL)
        until(lambda: len(set(server.workers) - {before[0]}) == 2)
        until(lambda: all(server.status("/readyz") == 200 for _ in range(6)))
        assert before[1] in server.workers


def test_a_worker_that_drains_gets_its_successor_at_once(tmp_path: Path) -> None:
    """SIGTERM to one worker is a rolling restart: at no time does the port refuse."""
    with RunningServer(tmp_path / "data", "--workers", "1") as server:
        (before,) = server.workers
        os.kill(before, signal.SIGTERM)
        until(lambda: server.workers != [] and before not in server.workers, 30)
        until(lambda: server.status("/readyz") == 200, 30)


def test_a_killed_redis_comes_back_with_its_data(tmp_path: Path) -> None:
    """What was acknowledged before kill -9 is there afterwards, and the server is fit again."""
    with RunningServer(tmp_path / "data") as server:
        client = redis.Redis(unix_socket_path=str(socket_path(tmp_path / "data/redis")))
        client.set("kept", 1)
        (before,) = server.redis
        os.kill(before, signal.SIGKILL)
        until(lambda: server.redis not in ([], [before]))
        until(lambda: server.status("/readyz") == 200)
        assert client.get("kept") == b"1"


def test_a_killed_supervisor_takes_everything_with_it(tmp_path: Path) -> None:
    """Nothing outlives it, and the next start works on the same data."""
    with RunningServer(tmp_path / "data", "--workers", "2") as server:
        started = [*server.workers, *server.redis]
        server.kill()
        until(lambda: not any(process_runs(pid) for pid in started))
    with RunningServer(tmp_path / "data") as server:
        assert server.status("/readyz") == 200


def test_a_second_signal_ends_what_does_not_end(tmp_path: Path) -> None:
    """A worker that is stuck cannot keep the server from ending."""
    with RunningServer(tmp_path / "data", "--drain-s", "300") as server:
        (worker,) = server.workers
        os.kill(worker, signal.SIGSTOP)
        server.process.send_signal(signal.SIGINT)
        until(lambda: '"stopping"' in server.log.read_text())
        assert server.process.poll() is None
        server.process.send_signal(signal.SIGINT)
        server.process.wait(10)
        assert not process_runs(worker)


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "server", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
    )


def test_a_taken_port_is_refused(tmp_path: Path) -> None:
    """Not shared silently with whoever has it."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = run("serve", "--port", port, "--data-dir", str(tmp_path))
    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_setting_is_refused_in_one_line(tmp_path: Path) -> None:
    """No stack trace for a typo."""
    done = run("serve", "--data-dir", str(tmp_path), LIVEROOM_WORKRES="2")
    assert done.returncode == 2
    assert done.stderr.strip() == (
        "liveroom: unknown setting LIVEROOM_WORKRES in the environment; "
        "the nearest known is LIVEROOM_WORKERS"
    )


def test_an_unreachable_database_is_told(tmp_path: Path) -> None:
    """The start is refused, with the key's name, and Redis does not stay behind."""
    url = "postgresql://nobody@127.0.0.1:1/none"
    done = run("serve", "--port", "0", "--data-dir", str(tmp_path), "--database-url", url)
    assert done.returncode == 2
    assert "database_url" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unreachable_redis_is_told(tmp_path: Path) -> None:
    """And its password is not repeated."""
    url = "redis://user:hushhush@127.0.0.1:1/0"
    done = run("serve", "--port", "0", "--data-dir", str(tmp_path), "--redis-url", url)
    assert done.returncode == 2
    assert "redis_url" in done.stderr
    assert "hushhush" not in done.stderr
    assert "Traceback" not in done.stderr


def test_audit_says_balanced_or_unreachable(tmp_path: Path) -> None:
    """Exit status 0 when every unit is accounted for, 2 when nobody answers."""
    data_dir = tmp_path / "data"
    with RunningServer(data_dir) as server:
        done = run("audit", "--url", server.url, "--data-dir", str(data_dir))
        assert (done.returncode, done.stdout.split()[-1]) == (0, "balanced")
    assert run("audit", "--url", server.url, "--data-dir", str(data_dir)).returncode == 2


def test_a_minted_token_is_good_for_its_server(tmp_path: Path) -> None:
    """`liveroom token` signs with the secret that the server of the same data directory checks."""
    data_dir = tmp_path / "data"
    with RunningServer(data_dir) as server:
        done = run("token", "--sub", "lin", "--role", "host", "--data-dir", str(data_dir))
        request = urllib.request.Request(
            server.url + "/v1/rooms",
            data=b'{"room_id":"minted"}',
            headers={
                "Authorization": f"Bearer {done.stdout.strip()}",
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 201
