"""A throw-away PostgreSQL server for one run on a Unix socket; without fsync unless asked for."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from server.lifeline import die_with_parent

START_TIMEOUT_S = 30.0
MISSING = (
    "PostgreSQL's server programs (initdb, postgres) were not found. The tests run on SQLite and "
    "on PostgreSQL: run `make test`, which installs them as root; or apt-get install postgresql."
)


def find_programs() -> Path:
    """The folder that has initdb, postgres and psql; fails with what to do when there is none."""
    on_path = shutil.which("initdb")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if on_path:
        folders.append(Path(on_path).resolve().parent)
    for folder in folders:
        if all((folder / name).exists() for name in ("initdb", "postgres", "psql")):
            return folder
    raise RuntimeError(MISSING)


# In one transaction. Rows are deleted, not tables truncated: for a few rows that is far quicker.
EMPTY = """DO $$
DECLARE name text;
BEGIN
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid();
    SET LOCAL session_replication_role = replica;  -- no foreign keys, no triggers
    FOR name IN SELECT format('%I', tablename) FROM pg_tables
            WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
        EXECUTE 'DELETE FROM ' || name;
    END LOOP;
    FOR name IN SELECT format('%I', sequencename) FROM pg_sequences WHERE schemaname = 'public' LOOP
        EXECUTE 'ALTER SEQUENCE ' || name || ' RESTART';
    END LOOP;
END $$"""


class PostgresCluster:
    """One server on a Unix socket in its own folder under the temporary directory."""

    def __init__(self, *, durable: bool = False) -> None:
        """`durable` syncs every commit: slower, and what a benchmark must do."""
        self._sync = "on" if durable else "off"
        self.programs = find_programs()
        # PostgreSQL refuses to run as root.
        self.user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
        self.directory = Path(tempfile.mkdtemp(prefix="liveroom-pg-"))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if os.getuid() == 0:
            shutil.chown(self.directory, self.user, self.user)
        store = self.directory / "store"
        self._run("initdb", "-D", store, "-U", "liveroom", "-A", "trust", "--no-sync", "-E", "UTF8")
        options = {
            "listen_addresses": "",
            "unix_socket_directories": self.directory,
            "fsync": self._sync,
            "synchronous_commit": self._sync,
            "full_page_writes": self._sync,
            "shared_buffers": "32MB",
            "max_connections": "60",
        }
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        self._process = subprocess.Popen(
            [self.programs / "postgres", "-D", store, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(self.directory / "log").open("wb"),
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGQUIT),
            **self._identity(),
        )
        self._wait()

    def url(self, database: str) -> str:
        """The address of one database for SQLAlchemy."""
        return f"postgresql+asyncpg://liveroom@/{database}?host={self.directory}"

    def sql(self, *statements: str, database: str = "postgres") -> None:
        """Run statements one by one, each on its own (CREATE DATABASE allows nothing else)."""
        commands = [part for statement in statements for part in ("-c", statement)]
        self._run("psql", "-qX", "-v", "ON_ERROR_STOP=1", "-h", self.directory, "-U", "liveroom",
                  "-d", database, *commands)  # fmt: skip

    def empty(self, database: str) -> None:
        """Delete every row of a migrated database and number anew; ends who is still connected."""
        self.sql(EMPTY, database=database)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(START_TIMEOUT_S)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _wait(self) -> None:
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while True:
            with contextlib.suppress(RuntimeError):
                return self.sql("SELECT 1")
            if time.monotonic() > deadline_s or (
                self._process and self._process.poll() is not None
            ):
                log = (self.directory / "log").read_text(errors="replace")
                raise RuntimeError(f"PostgreSQL did not start:\n{log[-2000:]}")
            time.sleep(0.05)

    def _identity(self) -> dict[str, object]:
        if os.getuid() != 0:
            return {}
        return {"user": self.user, "group": self.user, "extra_groups": []}

    def _run(self, program: str, *arguments: object) -> None:
        done = subprocess.run(
            [str(self.programs / program), *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=self.directory,
            **self._identity(),
        )
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {done.stdout}{done.stderr}")
