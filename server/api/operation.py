"""What operators and machines ask: alive, ready, metrics, documents, and tokens in dev mode."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

import msgspec
from aiohttp import web

from server import __version__
from server.api.access import services_of
from server.api.responses import body_as, reply
from server.commands.fields import Id, ShortText
from server.documents import asyncapi, openapi
from server.errors import CommandRefused
from server.telemetry import CONTENT_TYPE
from server.tokens import Identity

READY_WITHIN_S = 1.0
DEV_TOKEN_S = 12 * 3600
PROVIDERS_SHOWN = ("wechat", "alipay", "stripe", "sandbox")  # in this order

routes = web.RouteTableDef()


@routes.get("/healthz")
async def healthz(request: web.Request) -> web.Response:
    """200 while the event loop turns."""
    return reply({"status": "ok"})


@routes.get("/readyz")
async def readyz(request: web.Request) -> web.Response:
    """200 when this worker can serve; 503 with the reasons otherwise, and while draining."""
    services = services_of(request)
    reasons = ["draining"] if services.hub.draining else []
    for name, check in services.checks.items():
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                await check()
        except Exception as error:
            reasons.append(f"{name}: {type(error).__name__}")
    body = {"ready": not reasons, "reasons": reasons}
    return reply(body, 503 if reasons else 200)


@routes.get("/metrics")
async def metrics(request: web.Request) -> web.Response:
    """Every worker's metrics in the Prometheus text format."""
    services = services_of(request)
    text = await services.metrics.merged(services.redis, services.hub.now_ms())
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE})


@routes.get("/v1/config")
async def config(request: web.Request) -> web.Response:
    """What the pages need to know about this server: `providers` are those that take payments."""
    settings = services_of(request).settings
    open_ones = {*settings.payment_providers, *({"sandbox"} if settings.sandbox_is_open else ())}
    providers = [name for name in PROVIDERS_SHOWN if name in open_ones]
    return reply({"dev": settings.dev, "version": __version__, "providers": providers})


@routes.get("/openapi.json")
async def show_openapi(request: web.Request) -> web.Response:
    """The HTTP API as OpenAPI 3.1."""
    return reply(openapi())


@routes.get("/asyncapi.json")
async def show_asyncapi(request: web.Request) -> web.Response:
    """The WebSocket protocol as AsyncAPI 3."""
    return reply(asyncapi())


Role = Literal["viewer", "member", "assistant", "host", "operator", "admin"]


class DevToken(msgspec.Struct, frozen=True):
    """`POST /v1/dev/token`."""

    sub: Id | None = None
    name: ShortText = ""
    role: Role = "viewer"
    room: Annotated[str, msgspec.Meta(pattern=r"^(\*|[A-Za-z0-9_-]{1,64})$(?!\n)")] = "*"
    ttl_s: Annotated[int, msgspec.Meta(ge=1, le=30 * 24 * 3600)] = DEV_TOKEN_S


@routes.post("/v1/dev/token")
async def dev_token(request: web.Request) -> web.Response:
    """A token for anyone who asks; exists only in dev mode, which exists only on loopback."""
    services = services_of(request)
    if not services.settings.dev:
        raise CommandRefused("not_found", "there is no such thing")
    body = await body_as(request, DevToken)
    now_ms = services.hub.now_ms()
    sub = body.sub or services.new_id("u")
    token = services.tokens.mint(
        sub=sub,
        name=body.name or sub,
        role=body.role,
        room=body.room,
        ttl_s=body.ttl_s,
        now_ms=now_ms,
    )
    user: Identity = services.tokens.verify(token, now_ms=now_ms)
    return reply(
        {
            "token": token,
            "user": {"id": user.user_id, "name": user.name, "role": user.role},
            "expires_ms": user.expires_ms,
        }
    )
