"""websockets: what a client says goes to all by its `broadcast()`. Port: the first argument.

No tokens, no history, no limits, no compression, no pings. On uvloop.
"""

from __future__ import annotations

import sys

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve

clients: set[ServerConnection] = set()


async def relay(client: ServerConnection) -> None:
    clients.add(client)
    try:
        async for text in client:
            broadcast(clients, text)
    finally:
        clients.discard(client)


async def main() -> None:
    port = int(sys.argv[1])
    async with serve(
        relay, "127.0.0.1", port, compression=None, ping_interval=None, backlog=4096
    ) as server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
