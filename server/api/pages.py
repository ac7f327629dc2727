"""The pages: HTML shells with a strict content security policy, and their static files."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from aiohttp import web

from server.api.access import path_id, services_of
from server.sample_stream import playlist

PAGES = Path(__file__).parent.parent / "pages"
_IMPORT_MAP = re.compile(r'<script type="importmap">(.*?)</script>', re.DOTALL)
_POLICY = (
    "default-src 'none'; script-src 'self'{hashes}; style-src 'self'; "
    "img-src 'self' data: https:; media-src 'self' blob: https:; "
    "connect-src 'self' ws: wss: https:; font-src 'self'; worker-src 'self' blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def content_security_policy(html: str) -> str:
    """The policy of one page: scripts from here, and the import maps it holds, by their hash."""
    digests = (hashlib.sha256(text.encode()).digest() for text in _IMPORT_MAP.findall(html))
    hashes = "".join(f" 'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return _POLICY.format(hashes=hashes)


def _page(name: str) -> web.Response:
    html = (PAGES / f"{name}.html").read_text(encoding="utf-8")
    return web.Response(
        text=html,
        content_type="text/html",
        headers={
            "Content-Security-Policy": content_security_policy(html),
            "Cache-Control": "no-cache",
        },
    )


routes = web.RouteTableDef()


@routes.get("/")
async def landing(request: web.Request) -> web.Response:
    """The three doors."""
    return _page("landing")


@routes.get("/room/{room_id}")
async def player(request: web.Request) -> web.Response:
    """The viewer's page."""
    path_id(request, "room_id")
    return _page("player")


@routes.get("/console/{room_id}")
async def console(request: web.Request) -> web.Response:
    """The host's page; the data behind it needs a staff token."""
    path_id(request, "room_id")
    return _page("console")


@routes.get("/screen/{room_id}")
async def screen(request: web.Request) -> web.Response:
    """The big screen."""
    path_id(request, "room_id")
    return _page("screen")


@routes.get("/cashier/{payment_id}")
async def cashier(request: web.Request) -> web.Response:
    """The sandbox cashier."""
    path_id(request, "payment_id")
    return _page("cashier")


@routes.get("/static/sample/live.m3u8")
async def sample(request: web.Request) -> web.Response:
    """The shipped sample as a live stream."""
    text = playlist(services_of(request).hub.now_ms())
    kind = {"Content-Type": "application/vnd.apple.mpegurl", "Cache-Control": "no-store"}
    return web.Response(text=text, headers=kind)


@routes.get("/favicon.ico")
async def favicon(request: web.Request) -> web.StreamResponse:
    """Browsers ask for it unbidden."""
    return web.FileResponse(PAGES / "sample" / "logo.svg")


routes.static("/static", PAGES, append_version=False)
