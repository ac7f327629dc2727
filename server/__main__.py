"""`python -m server …` is `liveroom …`; and how the supervisor starts a worker."""

from __future__ import annotations

import argparse
import sys


def main() -> None:
    """Run the command line, or one worker when the supervisor asks for it."""
    if sys.argv[1:2] != ["worker"]:
        from server.cli import main as command_line

        return command_line()
    from server.worker_entry import run

    given = argparse.ArgumentParser(prog="server worker")
    for name in ("index", "settings-fd", "listener-fd"):
        given.add_argument(f"--{name}", type=int, required=True)
    asked = given.parse_args(sys.argv[2:])
    sys.exit(
        run(
            worker_index=asked.index,
            settings_fd=asked.settings_fd,
            listener_fd=asked.listener_fd,
        )
    )


if __name__ == "__main__":
    main()
