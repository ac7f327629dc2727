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

READY_TIMEOUT_S = 40.0
STOP_TIMEOUT_S = 25.0
POLL_S = 0.1
REDIS_NAMES = ("valkey-server", "redis-server")
LOG_TAIL_CHARS = 4000


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
        self.port = _free_port()
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
                command, env=environment, stdout=log, stderr=log, start_new_session=True
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

    def worker_pids(self) -> list[int]:
        """The worker processes that live now."""
        return [pid for pid in self._descendants() if b"worker" in _arguments_of(pid)]

    def redis_pid(self) -> int | None:
        """The embedded Redis that lives now."""
        found = [pid for pid in self._descendants() if _name_of(pid) in REDIS_NAMES]
        return found[0] if found else None

    def cpu_s(self, pids: list[int]) -> float:
        """CPU seconds these processes have used so far."""
        return sum(_cpu_s(pid) for pid in pids)

    def _descendants(self) -> list[int]:
        if self._process is None:
            return []
        parents = _parents()
        family = {self._process.pid}
        while True:
            more = {pid for pid, parent in parents.items() if parent in family} - family
            if not more:
                return sorted(family)
            family |= more

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


def _free_port() -> int:
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


def _parents() -> dict[int, int]:
    """Parent by process id, of processes that are not zombies."""
    found: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _stat_fields(int(entry.name))
            if len(fields) > 1 and fields[0] != "Z":
                found[int(entry.name)] = int(fields[1])
    return found


def _cpu_s(pid: int) -> float:
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
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []
