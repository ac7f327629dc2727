"""The parent of all workers: starts them, watches them, ends them.

Plain Python in the main thread, no event loop: it must keep working when everything else does not.
It loads the server once and runs none of it: workers are forked from it (decision 0023).
It kills nothing it did not start. What a worker does is in `app`; Redis of our own in `embedded`.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from types import FrameType

from server import worker_entry
from server.config import Settings
from server.embedded import EmbeddedRedis
from server.forked import Forked
from server.telemetry import log
from server.worker_entry import DRAINING, READY

BACKLOG = 4096  # connections the kernel completes while a worker is busy or being restarted
SEND_BUFFER_BYTES = 65_536  # a stalled reader is handed this much, not the 2.9 MB of the default
DESCRIPTORS_BESIDES_VIEWERS = 200  # of a worker: pools, pipes, listeners
WATCH_S = 0.2  # between looks at the children when nothing wakes us
BACKOFF_FIRST_S = 0.05
BACKOFF_MAX_S = 5.0
HEALTHY_AFTER_S = 10.0  # a worker that lived this long failed for a new reason
KILL_AFTER_DRAIN_S = 5.0  # past drain_s: a worker that has not ended by then is stuck
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
FAILED_STARTS_MAX = 5  # of one worker, before any was ever ready: then it is not bad luck


class StartError(Exception):
    """The server cannot start; the message says why."""


def open_listeners(host: str, port: int, count: int) -> list[socket.socket]:
    """One listener for each worker on the same address, by SO_REUSEPORT.

    The kernel spreads connections evenly over them. The supervisor keeps them open, so what is
    queued on the listener of a dead worker waits for its successor. Options are set before listen:
    accepted sockets inherit them.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened: list[socket.socket] = []
    _refuse_taken(family, host, port)
    for _ in range(count):
        listener = socket.socket(family, socket.SOCK_STREAM)
        opened.append(listener)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise StartError(f"cannot listen on {host}:{port}: {error.strerror}") from None
    for listener in opened:
        listener.listen(BACKLOG)
    return opened


def _refuse_taken(family: socket.AddressFamily, host: str, port: int) -> None:
    """SO_REUSEPORT would let two servers share the port unnoticed: look without it first."""
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            raise StartError(
                f"cannot listen on {host}:{port}: {error.strerror}; "
                "stop what uses it or choose another --port"
            ) from None


class Worker:
    """One place among the workers: its listener, and the process that now serves it."""

    def __init__(self, index: int, listener: socket.socket) -> None:
        self.index = index
        self.listener = listener
        self.process: Forked | None = None
        self.status_fd = -1
        self.ready = False
        self._started_s = 0.0
        self.failures = 0
        self._start_at_s = 0.0

    def start(self, settings: Settings) -> None:
        """Start a process on this listener."""
        self.status_fd, status_write = os.pipe()
        os.set_blocking(self.status_fd, False)

        def body() -> int:
            return worker_entry.run(settings, self.index, self.listener, status_fd=status_write)

        title = f"liveroom server worker --index {self.index}"
        try:
            self.process = Forked(body, title=title, keep=(status_write, self.listener.fileno()))
        finally:
            os.close(status_write)
        self.ready = False
        self._started_s = time.monotonic()

    def heard(self) -> bytes:
        """What the process said since the last look: READY, DRAINING or nothing."""
        try:
            return os.read(self.status_fd, 64) if self.status_fd >= 0 else b""
        except (BlockingIOError, OSError):
            return b""

    def ended(self) -> int | None:
        """The exit status of a process that is over, once; None while it runs."""
        if self.process is None:
            return None
        status = self.process.poll()
        if status is None:
            return None
        self.release()
        lived_s = time.monotonic() - self._started_s
        self.failures = 0 if status == 0 or lived_s > HEALTHY_AFTER_S else self.failures + 1
        delay_s = 0.0 if status == 0 else BACKOFF_FIRST_S * 2 ** min(self.failures, 8)
        self._start_at_s = time.monotonic() + min(delay_s, BACKOFF_MAX_S)
        return status

    def release(self) -> Forked | None:
        """Let go of the process and its status pipe; the place is free for a successor."""
        process, self.process = self.process, None
        if self.status_fd >= 0:
            os.close(self.status_fd)
            self.status_fd = -1
        self.ready = False
        return process

    @property
    def due(self) -> bool:
        """Whether the place is empty and its back-off is over."""
        return self.process is None and time.monotonic() >= self._start_at_s


# Called once, when all workers are ready; the processes it returns are ended with the workers.
OnReady = Callable[[Settings], Iterable[subprocess.Popen[bytes]]]


class Supervisor:
    """Everything one `liveroom serve` runs. `run` returns the exit status when all has ended."""

    def __init__(self, settings: Settings, *, on_ready: OnReady) -> None:
        self.settings = settings
        self._on_ready = on_ready
        self._announced = False
        self._redis: EmbeddedRedis | None = None
        self._workers: list[Worker] = []
        self._companions: list[subprocess.Popen[bytes]] = []
        self._leaving: list[tuple[float, Forked]] = []  # kill after, process
        self._signals = 0

    def run(self) -> int:
        """Start all, watch until a signal, end all. Raises StartError or EmbeddedRedisError."""
        with _signals_counted(self._signalled) as wake_fd:
            try:
                self._start()
                while self._signals == 0:
                    self._watch()
                    select.select([wake_fd, *self._status_fds()], [], [], WATCH_S)
                    _drain_pipe(wake_fd)
            finally:
                self._stop(wake_fd)
        return 0

    def _start(self) -> None:
        settings = self.settings
        _allow_descriptors(settings.max_viewers_per_worker)
        listeners = open_listeners(settings.host, settings.port, settings.workers)
        self._workers = [Worker(index, one) for index, one in enumerate(listeners)]
        if settings.redis_url is None:
            self._redis = EmbeddedRedis.start(settings.data_dir)
            self.settings = settings.model_copy(update={"redis_url": self._redis.url})
        _prepare_stores(self.settings)
        worker_entry.load()

    def _watch(self) -> None:
        if self._redis is not None and self._redis.revive():
            log.error("redis_restarted", pid=self._redis.pid)
        self._see_off()
        for worker in self._workers:
            self._listen_to(worker)
            status = worker.ended()
            if status is not None:
                log.warning("worker_ended", index=worker.index, status=status)
                if not self._announced and worker.failures >= FAILED_STARTS_MAX:
                    raise StartError("the workers end at the start; the reason is in the log above")
            if worker.due:
                worker.start(self.settings)
        if not self._announced and all(worker.ready for worker in self._workers):
            self._announced = True
            self._companions.extend(self._on_ready(self.settings))

    def _see_off(self) -> None:
        """Forget processes that have left, end those that overstay."""
        for kill_at_s, process in self._leaving:
            if process.poll() is None and time.monotonic() > kill_at_s:
                process.kill()
        self._leaving = [one for one in self._leaving if one[1].poll() is None]

    def _listen_to(self, worker: Worker) -> None:
        heard = worker.heard()
        if READY in heard:
            worker.ready = True
        if DRAINING in heard:
            # It accepts no more: a successor takes over the listener while it says goodbye.
            leaving = worker.release()
            if leaving is not None:
                self._leaving.append((self._kill_at_s(), leaving))

    def _stop(self, wake_fd: int) -> None:
        """Ask all to drain, and end those that do not; a second signal ends them at once."""
        log.info("stopping", workers=len(self._workers))
        serving = [worker.release() for worker in self._workers]
        processes: list[subprocess.Popen[bytes] | Forked]
        processes = [*self._companions, *(one for _, one in self._leaving), *filter(None, serving)]
        for process in processes:
            process.terminate()
        for worker in self._workers:
            worker.listener.close()
        kill_at_s = self._kill_at_s()
        while any(process.poll() is None for process in processes):
            if self._signals > 1 or time.monotonic() > kill_at_s:
                for process in processes:
                    process.kill()
            select.select([wake_fd], [], [], WATCH_S)
            _drain_pipe(wake_fd)
            if self._redis is not None:
                self._redis.revive()  # draining workers still write
        if self._redis is not None:
            self._redis.stop()

    def _kill_at_s(self) -> float:
        return time.monotonic() + self.settings.drain_s + KILL_AFTER_DRAIN_S

    def _status_fds(self) -> list[int]:
        return [worker.status_fd for worker in self._workers if worker.status_fd >= 0]

    def _signalled(self, _number: int, _frame: FrameType | None) -> None:
        self._signals += 1  # nothing else: it runs between any two steps of the main thread


def _allow_descriptors(viewers_max: int) -> None:
    """A viewer is a file descriptor: let the workers have as many as the system allows."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < viewers_max + DESCRIPTORS_BESIDES_VIEWERS:
        log.warning("few_file_descriptors", allowed=hard, max_viewers_per_worker=viewers_max)


def _prepare_stores(settings: Settings) -> None:
    """Refuse a Redis or a database that cannot be used, before any worker stumbles over it."""
    from server.database import migrate  # late: the command line need not wait for SQLAlchemy
    from server.given_redis import UnfitRedis, check

    try:
        check(settings.redis_url or "", wait_replicas=settings.redis_wait_replicas)
    except UnfitRedis as error:
        raise StartError(f"redis_url: {error}") from None
    try:
        migrate(settings.database_url)
    except Exception as error:
        raise StartError(f"database_url: {type(error).__name__}: {error}") from None


@contextlib.contextmanager
def _signals_counted(handler: Callable[[int, FrameType | None], None]) -> Iterator[int]:
    """Handle stop signals for a while; yields a descriptor that becomes readable on any signal."""
    wake_read, wake_write = os.pipe()
    for descriptor in (wake_read, wake_write):
        os.set_blocking(descriptor, False)
    before = {number: signal.signal(number, handler) for number in STOP_SIGNALS}
    before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    wake_before = signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    try:
        yield wake_read
    finally:
        signal.set_wakeup_fd(wake_before)
        for number, handling in before.items():
            signal.signal(number, handling)
        os.close(wake_read)
        os.close(wake_write)


def _drain_pipe(descriptor: int) -> None:
    with contextlib.suppress(BlockingIOError):
        os.read(descriptor, 4096)
