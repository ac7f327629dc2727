"""A real `liveroom` process and what it started, for tests of the whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from server.lifeline import die_with_parent
from tests.waiting import process_runs, until

READY_S = 40.0


class RunningServer:
    """`liveroom serve` on a free loopback port; a context manager that leaves nothing running."""

    def __init__(self, data_dir: Path, *flags: str, command: str = "serve") -> None:
        self.data_dir = data_dir
        self.log = data_dir.parent / f"{data_dir.name}.log"
        arguments = [command, "--port", "0", "--data-dir", str(data_dir), *flags]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "server", *arguments],
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGTERM),  # a run cut short leaves none behind
            )
        self.url = ""

    def __enter__(self) -> RunningServer:
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)
        said = b""

        def ready() -> bool:
            nonlocal said
            assert self.process.stdout is not None
            assert self.process.poll() is None, self.log.read_text()
            said += self.process.stdout.read() or b""
            return b"liveroom ready " in said and said.endswith(b"\n")

        try:
            until(ready, READY_S)
        except BaseException:
            self.kill()
            raise
        self.url = said.decode().partition("liveroom ready ")[2].split()[0]
        return self

    def __exit__(self, *_exception: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def kill(self) -> None:
        """End the supervisor as the kernel would."""
        self.process.kill()
        self.process.wait()

    def children(self, containing: str) -> list[int]:
        """Ids of the running children whose command line contains a text."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (OSError, IndexError):
                continue
            if parent == self.process.pid and containing in line and process_runs(int(entry.name)):
                found.append(int(entry.name))
        return sorted(found)

    @property
    def workers(self) -> list[int]:
        return self.children("server worker")

    @property
    def redis(self) -> list[int]:
        return self.children("-server ")

    def status(self, path: str) -> int:
        """The HTTP status of a path; 0 when nobody answers."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refusal:
            return refusal.code
        except OSError:
            return 0
