"""Locust as one command: a server if none is named, a master with its workers, the reports.

    python -m loadtest.locust_run --own-server 2 --workers 2 --users 60 --seconds 30 \\
        --shape stampede --html data/loadtest.html --csv data/loadtest
    python -m loadtest.locust_run --own-server 2 --web     # the web interface, until Ctrl-C

Every process is one of its own, as it would be on other machines. The exit status is the master's:
1 when a promise was broken, a request failed, or a worker handed nothing over.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from loadtest.curves import CURVES
from loadtest.own_server import OwnServer, free_port

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
END_WAIT_S = 30.0  # for workers, after the master
WEB_PORT = 8089  # locust's own
STOP_TIMEOUT_S = 2  # a user in the middle of a question may hear its answer


def master_command(given: argparse.Namespace, url: str, port: int) -> list[str]:
    """The process that leads; it runs the users itself when there are no workers."""
    command = [*_locust(), "--host", url, "--shape", given.shape, "--stock", str(given.stock)]
    command += ["--winners", str(given.winners), "--users", str(given.users)]
    command += ["--spawn-rate", str(given.spawn_rate or max(1, given.users // 5))]
    command += ["--run-time", f"{given.seconds}s", "--stop-timeout", str(STOP_TIMEOUT_S)]
    if given.web:
        command += ["--web-host", "127.0.0.1", "--web-port", str(given.web_port)]
    else:
        command += ["--headless", "--only-summary"]
    if given.workers:
        command += ["--master", "--expect-workers", str(given.workers)]
        command += ["--master-bind-host", "127.0.0.1", "--master-bind-port", str(port)]
    if given.html:
        command += ["--html", given.html]
    if given.csv:
        command += ["--csv", given.csv, "--csv-full-history"]
    return command


def worker_command(port: int) -> list[str]:
    return [*_locust(), "--worker", "--master-host", "127.0.0.1", "--master-port", str(port)]


def _locust() -> list[str]:
    return [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE)]


def run(given: argparse.Namespace, url: str, environment: Mapping[str, str]) -> int:
    """All of locust's processes; the master's exit status."""
    env = {**os.environ, **environment}
    port = free_port()
    master = subprocess.Popen(master_command(given, url, port), env=env)
    # Out of Ctrl-C's reach: a worker ends when the master has heard what it saw.
    workers = [
        subprocess.Popen(worker_command(port), env=env, start_new_session=True)
        for _ in range(given.workers)
    ]
    try:
        return master.wait()
    finally:
        for process in (master, *workers):
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(END_WAIT_S)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.locust_run", description="Locust, its workers and its reports."
    )
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--own-server", type=int, metavar="WORKERS", help="start one for this run")
    parser.add_argument("--workers", type=int, default=0, help="locust's; 0: the master does all")
    parser.add_argument("--users", type=int, default=60)
    parser.add_argument("--spawn-rate", type=float, help="users a second; default: all in 5 s")
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--shape", choices=["steady", *CURVES], default="steady")
    parser.add_argument("--stock", type=int, default=20)
    parser.add_argument("--winners", type=int, default=3)
    parser.add_argument("--web", action="store_true", help="with the web interface, until Ctrl-C")
    parser.add_argument("--web-port", type=int, default=WEB_PORT)
    parser.add_argument("--html", help="locust's report")
    parser.add_argument("--csv", help="beginning of the names of its CSV files")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    given = _arguments(arguments)
    # Ctrl-C is the master's to act on, who then judges; we end after it. Not "ignore", which the
    # master would inherit.
    signal.signal(signal.SIGINT, lambda *_: None)

    async def with_server() -> int:
        async with OwnServer(workers=given.own_server) as server:
            secret = {"LIVEROOM_JWT_SECRET": server.jwt_secret}
            return await asyncio.to_thread(run, given, server.url, secret)

    status = asyncio.run(with_server()) if given.own_server else run(given, given.url, {})
    verdict = "[green]all promises held" if status == 0 else f"[red]exit status {status}"
    Console().print(verdict)
    return status


if __name__ == "__main__":
    sys.exit(main())
