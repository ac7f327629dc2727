"""Raw Redis commands in pipelines: as many in flight as asked, nothing but bytes in between.

For measuring what one call a request costs a Redis; a client library would be what is measured.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Iterator, Sequence

import hiredis

from loadtest.report import Histogram


def packed(command: Sequence[bytes]) -> bytes:
    """One command as Redis reads it."""
    parts = [b"*%d\r\n" % len(command)]
    parts += [b"$%d\r\n%b\r\n" % (len(part), part) for part in command]
    return b"".join(parts)


async def pipelined(
    path: str, commands: Sequence[Sequence[bytes]], connections: int, depth: int
) -> Histogram:
    """Run all commands over a Unix socket; how long each took. Raises what Redis refuses."""
    latency = Histogram()
    queue = iter([packed(command) for command in commands])
    lanes = (_lane(path, queue, depth, latency) for _ in range(connections))
    await asyncio.gather(*lanes)
    return latency


async def _lane(path: str, queue: Iterator[bytes], depth: int, latency: Histogram) -> None:
    reader, writer = await asyncio.open_unix_connection(path)
    parser = hiredis.Reader()
    sent: deque[int] = deque()
    try:
        while True:
            more = list(itertools.islice(queue, depth - len(sent)))
            if more:
                writer.write(b"".join(more))
                sent.extend(itertools.repeat(time.perf_counter_ns(), len(more)))
            if not sent:
                return
            parser.feed(await reader.read(1 << 16))
            now = time.perf_counter_ns()
            while (reply := parser.gets()) is not False:
                if isinstance(reply, Exception):
                    raise reply
                latency.record((now - sent.popleft()) // 1000)
    finally:
        writer.close()
