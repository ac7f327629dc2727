"""Runs a command with LIVEROOM_DATABASE_URL set to an empty database of a PostgreSQL of its own.

python -m tests.with_postgres python -m loadtest.sellouts --database postgresql
"""

from __future__ import annotations

import os
import subprocess
import sys

from tests.postgres_cluster import PostgresCluster


def main() -> int:
    cluster = PostgresCluster()
    try:
        cluster.start()
        cluster.sql("CREATE DATABASE liveroom")
        address = {"LIVEROOM_DATABASE_URL": cluster.url("liveroom")}
        return subprocess.run(sys.argv[1:], env={**os.environ, **address}).returncode
    finally:
        cluster.stop()


if __name__ == "__main__":
    sys.exit(main())
