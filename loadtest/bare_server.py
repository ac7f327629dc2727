"""What aiohttp can do at best: an echo over WebSocket and a JSON POST, and nothing else.

python -m loadtest.bare_server PORT
"""

from __future__ import annotations

import sys

import orjson
import uvloop
from aiohttp import WSMsgType, web

from loadtest.client import SUBPROTOCOL


async def echo(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(protocols=(SUBPROTOCOL,), compress=False)
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await socket.send_str(message.data)
    return socket


async def post(request: web.Request) -> web.Response:
    body = orjson.loads(await request.read())
    return web.Response(body=orjson.dumps(body), content_type="application/json")


def main() -> None:
    uvloop.install()
    app = web.Application()
    app.router.add_get("/echo", echo)
    app.router.add_post("/echo", post)
    port = int(sys.argv[1])
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=lambda *_: None)


if __name__ == "__main__":
    main()
