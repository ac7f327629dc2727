"""Listen to a room and write what happens into a file that `replay` can play.

    liveroom record --url http://127.0.0.1:8000 --room demo --seconds 600 --out evening.jsonl.gz

Until the time is over, the room ends, or Ctrl-C; the file is whole in each case. Needs no token: it
listens as a guest does. What chat the guest is not shown is counted in the last line.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gzip
import signal
import sys
import time
from collections.abc import Callable, Sequence

import uvloop

from loadtest.client import Address, Lost, Refused, Viewer
from loadtest.frames import FrameError
from loadtest.messages import Message
from loadtest.recorder import Recorder
from loadtest.recording import LINES_MAX, End, Happening, Recording, line_bytes

SECONDS_DEFAULT = 3600.0
SECONDS_MAX = 12 * 3600.0
CANNOT = (OSError, TimeoutError, Lost, Refused, FrameError)


class Listener:
    """Writes as it hears. `over` is set when there will be no more."""

    def __init__(self, address: Address, file: gzip.GzipFile, *, keep_text: bool) -> None:
        self.lines = 0
        self.over = asyncio.Event()
        self._file = file
        self._recorder = Recorder(keep_text=keep_text)
        self._began = time.monotonic()
        self._started = False
        self._viewer = Viewer(
            address, name="recorder", on_message=self._hear, on_lost=lambda *_: self.over.set()
        )

    def _at_ms(self) -> int:
        return int((time.monotonic() - self._began) * 1000)

    async def start(self) -> None:
        """Raises what `Viewer.connect` raises."""
        hello = await self._viewer.connect()
        self._began = time.monotonic()
        title = str((hello["state"].get("room") or {}).get("title", ""))[:200]
        self._file.write(line_bytes(Recording(0, version=1, title=title)))
        self._started = True
        self._write(self._recorder.greet(hello["state"], 0, int(hello["server_ms"])))

    def _hear(self, viewer: Viewer, message: Message) -> None:
        if self._started:
            self._write(self._recorder.hear(message.body, self._at_ms()))

    def _write(self, happenings: Sequence[Happening]) -> None:
        for each in happenings[: LINES_MAX - self.lines]:
            self._file.write(line_bytes(each))
            self.lines += 1
        if self.lines >= LINES_MAX:
            self.over.set()

    def finish(self) -> int:
        """Write the end; how much chat was missed."""
        self._started = False
        missed = self._recorder.missed
        self._file.write(line_bytes(End(self._at_ms(), lines=self.lines, missed=missed)))
        self._viewer.leave()
        return missed


async def record(
    url: str,
    room: str,
    out: str,
    *,
    seconds: float,
    keep_text: bool = True,
    signals: Sequence[signal.Signals] = (),
    on_start: Callable[[], None] = lambda: None,
) -> tuple[int, int]:
    """Lines written, and comments missed. Any of `signals` ends it as the time does."""
    with gzip.open(out, "wb") as file:
        listener = Listener(Address.of(url, room), file, keep_text=keep_text)
        await listener.start()
        on_start()
        loop = asyncio.get_running_loop()
        for number in signals:
            loop.add_signal_handler(number, listener.over.set)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(listener.over.wait(), seconds)
        missed = listener.finish()
    return listener.lines, missed


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="liveroom record", description="Write what happens in a room into a file."
    )
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--room", required=True)
    parser.add_argument("--out", required=True, help="the file, .jsonl.gz")
    parser.add_argument("--seconds", type=float, default=SECONDS_DEFAULT, help="at most 12 hours")
    parser.add_argument("--no-text", action="store_true", help="keep lengths of comments only")
    given = parser.parse_args(arguments)
    seconds = min(given.seconds, SECONDS_MAX)
    work = record(
        given.url, given.room, given.out, seconds=seconds, keep_text=not given.no_text,
        signals=(signal.SIGINT, signal.SIGTERM),
        on_start=lambda: print(f"recording {given.room} into {given.out}, Ctrl-C ends it"),
    )  # fmt: skip
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            lines, missed = runner.run(work)
    except CANNOT as error:
        print(f"liveroom: cannot listen to {given.room}: {error}", file=sys.stderr)
        return 2
    print(f"{given.out}: {lines:,} lines; {missed:,} comments were not shown to the recorder")
    return 0


if __name__ == "__main__":
    sys.exit(main())
