"""A server of our own for proofs and benchmarks: started in a temporary folder, ended with us.

Also finds its processes, to measure them or to kill them. Linux only (reads /proc).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from server.lifeline import die_with_parent

READY_TIMEOUT_S = 40.0
STOP_TIMEOUT_S = 25.0
POLL_S = 0.1
REDIS_NAMES = ("valkey-server", "redis-server")
LOG_TAIL_CHARS = 4000
DATABASE_VARIABLE = "LIVEROOM_DATABASE_URL"


class NotReady(Exception):
    """The server did not become ready; the message holds the end of its log."""


class OwnServer:
    """`python -m server serve` in development mode. Use as an async context manager."""

    def __init__(
        self,
        *,
        workers: int = 1,
        data_dir: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.workers = workers
        self.environment = environment or {}
        self._temporary = None if data_dir else tempfile.TemporaryDirectory(prefix="liveroom-load-")
        self.data_dir = data_dir or Path(self._temporary.name if self._temporary else ".")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.jwt_secret = secrets.token_hex(32)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log_path(self) -> Path:
        return self.data_dir / "server.log"

    async def __aenter__(self) -> Self:
        self._process = self._start()
        try:
            await self.wait_ready()
        except BaseException:
            self._end()
            raise
        return self

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "server", "serve", "--host", "127.0.0.1"]
        command += ["--port", str(self.port), "--workers", str(self.workers)]
        command += ["--data-dir", str(self.data_dir / "data")]
        environment = {
            **os.environ,
            "LIVEROOM_DEV": "1",
            "LIVEROOM_JWT_SECRET": self.jwt_secret,
            "LIVEROOM_PAYMENT_SECRET": secrets.token_hex(32),
            **self.environment,
        }
        with self.log_path.open("wb") as log:
            return subprocess.Popen(
                command,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGTERM),
            )

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self._end)

    async def wait_ready(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Until /readyz answers 200. Raises NotReady."""
        until = time.monotonic() + timeout_s
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
            while time.monotonic() < until and self.running:
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with session.get(self.url + "/readyz") as response:
                        if response.status == 200:
                            return
                await asyncio.sleep(POLL_S)
        raise NotReady(f"not ready; the end of its log:\n{self.log_tail()}")

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def log_tail(self) -> str:
        return self.log_path.read_text(encoding="utf-8", errors="replace")[-LOG_TAIL_CHARS:]

    @property
    def redis_dir(self) -> Path:
        """Where the embedded Redis keeps its files."""
        return self.data_dir / "data" / "redis"

    @property
    def redis_socket(self) -> Path:
        """Of the embedded Redis; the temporary folders used here are never too long for it."""
        return self.redis_dir / "redis.sock"

    @property
    def database_url(self) -> str:
        """SQLAlchemy's address of the server's database."""
        beside = self.data_dir / "data" / "liveroom.sqlite3"
        return self.environment.get(DATABASE_VARIABLE) or f"sqlite+aiosqlite:///{beside}"

    def worker_pid(self, index: int) -> int | None:
        """The process that serves as worker `index` now."""
        mark = [b"--index", str(index).encode()]
        for pid in self.worker_pids():
            arguments = _arguments_of(pid)
            if mark in [arguments[at : at + 2] for at in range(len(arguments))]:
                return pid
        return None

    def worker_pids(self) -> list[int]:
        """The worker processes that live now."""
        return [pid for pid in self._descendants() if b"worker" in _arguments_of(pid)]

    def redis_pid(self) -> int | None:
        """The embedded Redis that lives now."""
        found = [pid for pid in self._descendants() if _name_of(pid) in REDIS_NAMES]
        return found[0] if found else None

    def cpu_s(self, pids: list[int]) -> float:
        """CPU seconds these processes have used so far."""
        return sum(cpu_s_of(pid) for pid in pids)

    def _descendants(self) -> list[int]:
        return [] if self._process is None else family_of(self._process.pid)

    def _end(self) -> None:
        process = self._process
        if process is not None and process.poll() is None:
            family = self._descendants()
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                for pid in family:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                process.wait()
        if self._temporary is not None:
            self._temporary.cleanup()


def own_database(kind: str) -> Mapping[str, str]:
    """The environment for a server on `sqlite` (its own) or `postgresql` (from our environment)."""
    url = os.environ.get(DATABASE_VARIABLE, "") if kind == "postgresql" else ""
    return {DATABASE_VARIABLE: url} if url else {}


def free_port() -> int:
    """A TCP port of loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _stat_fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name (which may hold spaces); empty when gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text[text.rindex(")") + 2 :].split()


def state_of(pid: int) -> str:
    """The kernel's letter for what a process does, "T" for stopped; empty when it is gone."""
    return next(iter(_stat_fields(pid)), "")


def _parents() -> dict[int, int]:
    """Parent by process id, of processes that are not zombies."""
    found: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _stat_fields(int(entry.name))
            if len(fields) > 1 and fields[0] != "Z":
                found[int(entry.name)] = int(fields[1])
    return found


def family_of(pid: int) -> list[int]:
    """A process and all that descend from it."""
    parents = _parents()
    family = {pid}
    while True:
        more = {pid for pid, parent in parents.items() if parent in family} - family
        if not more:
            return sorted(family)
        family |= more


def rss_bytes_of(pid: int) -> int:
    """Memory of a process that is in RAM now; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()
    except OSError:
        return 0
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


def cpu_s_of(pid: int) -> float:
    """CPU seconds a process has used so far; 0 when it is gone."""
    fields = _stat_fields(pid)
    if len(fields) < 13:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _name_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _arguments_of(pid: int) -> list[bytes]:
    try:
        # One text with spaces where a process has named itself, one argument each where it has not.
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").split()
    except OSError:
        return []
