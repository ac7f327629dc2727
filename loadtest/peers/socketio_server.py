"""python-socketio on aiohttp and uvloop: a client's "say" is emitted to all. Port: the argument.

No tokens, no history, no limits; WebSocket only, no compression.
"""

from __future__ import annotations

import sys

import socketio
import uvloop
from aiohttp import web

PING_INTERVAL_S = 600  # longer than any run: the load does not answer its pings

server = socketio.AsyncServer(
    async_mode="aiohttp",
    transports=["websocket"],
    ping_interval=PING_INTERVAL_S,
    http_compression=False,
)


async def say(client: str, comment: dict[str, object]) -> None:
    await server.emit("comment", comment)


def main() -> None:
    uvloop.install()
    server.on("say", say)
    app = web.Application()
    server.attach(app)
    port = int(sys.argv[1])
    web.run_app(
        app, host="127.0.0.1", port=port, access_log=None, print=lambda *_: None, backlog=4096
    )


if __name__ == "__main__":
    main()
