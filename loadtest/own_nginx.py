"""An nginx of our own, with the site that `deploy/nginx.conf` describes, on a loopback port.

What is tested and measured is that file; only its addresses, paths and TLS lines are changed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from loadtest.own_server import NotReady, free_port

SITE = Path(__file__).parents[1] / "deploy" / "nginx.conf"
READY_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 5.0
POLL_S = 0.02
FILES_MAX = 20_000  # descriptors a process; what this machine allows
_MAIN = """
{user}
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
worker_processes 1;
worker_rlimit_nofile {files};
events {{ worker_connections {connections}; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


class OwnNginx:
    """nginx in front of servers on loopback ports. Use as an async context manager."""

    def __init__(self, upstream_ports: Sequence[int], *, files_max: int = 1_024) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._upstream_ports = upstream_ports
        self._files_max = files_max
        self._temporary = tempfile.TemporaryDirectory(prefix="liveroom-nginx-")
        self.folder = Path(self._temporary.name)
        self._process: subprocess.Popen[bytes] | None = None

    def site(self) -> str:
        """The shipped site, made to listen here and to ask there."""
        text = SITE.read_text(encoding="utf-8")
        servers = [f"server 127.0.0.1:{port};" for port in self._upstream_ports]
        for pattern, instead in (
            (r"server 127\.0\.0\.1:8000[^;]*;", " ".join(servers)),
            (r"listen 443 ssl http2;", f"listen 127.0.0.1:{self.port};"),
            (r"\n *ssl_certificate[^\n]*", ""),
            (r"/var/cache/nginx/liveroom", f"{self.folder}/cache"),
        ):
            text, changed = re.subn(pattern, instead, text)
            assert changed, f"{SITE} has nothing like {pattern}"
        return text

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._start)
        return self

    def _start(self) -> None:
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        main = _MAIN.format(
            user="user root;" if os.getuid() == 0 else "",  # the folder is ours alone
            folder=self.folder,
            files=self._files_max,
            connections=self._files_max,
        )
        (self.folder / "site.conf").write_text(self.site(), encoding="utf-8")
        (self.folder / "nginx.conf").write_text(main, encoding="utf-8")
        command = [program, "-p", str(self.folder), "-c", str(self.folder / "nginx.conf")]
        command += ["-e", str(self.folder / "error.log")]
        self._process = subprocess.Popen(command)
        try:
            self._wait_ready()
        except BaseException:
            self._end()
            raise

    def _wait_ready(self) -> None:
        until = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < until:
            assert self._process is not None
            if self._process.poll() is not None:
                break
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            time.sleep(POLL_S)
        raise NotReady(f"nginx is not ready:\n{self.log()}")

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self._end)

    def log(self) -> str:
        """What it complained about."""
        path = self.folder / "error.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    @property
    def pids(self) -> list[int]:
        """Its processes, to measure them."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return [self._process.pid, *map(int, children.read_text().split())]

    def _end(self) -> None:
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_TIMEOUT_S)
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
        self._temporary.cleanup()
