"""Runs a command with LIVEROOM_DATABASE_URL set to an empty database of a PostgreSQL of its own.

python -m tests.with_postgres [--durable] [--if-there] COMMAND…

`--durable` syncs every commit, as in production; `--if-there` runs the command without a database
when PostgreSQL's programs are not installed.
"""

from __future__ import annotations

import os
import subprocess
import sys

from tests.postgres_cluster import PostgresCluster


def main() -> int:
    options, command = _split(sys.argv[1:])
    try:
        cluster = PostgresCluster(durable="--durable" in options)
    except RuntimeError as missing:
        if "--if-there" not in options:
            raise
        sys.stderr.write(f"without PostgreSQL: {missing}\n")
        return subprocess.run(command).returncode
    try:
        cluster.start()
        cluster.sql("CREATE DATABASE liveroom")
        address = {"LIVEROOM_DATABASE_URL": cluster.url("liveroom")}
        return subprocess.run(command, env={**os.environ, **address}).returncode
    finally:
        cluster.stop()


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Our own options, which come first, and the command."""
    count = 0
    while count < len(arguments) and arguments[count].startswith("--"):
        count += 1
    return arguments[:count], arguments[count:]


if __name__ == "__main__":
    sys.exit(main())
