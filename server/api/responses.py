"""What every HTTP answer has in common: JSON, the error shape, security headers, body limits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
import orjson
import structlog
from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from flash_sale.errors import Refused as SaleRefused
from room.errors import Refused, Unavailable
from server.dispatch import translate, unavailable
from server.error_codes import status_of
from server.errors import CommandRefused

log = structlog.get_logger(__name__)

STATIC_MAX_AGE_S = (
    60  # files keep their names from release to release; after this they are asked about
)
BODY_WITHIN_S = 10.0  # a body that takes longer is a slow-body attack, not a phone
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
T = TypeVar("T")


def reply(body: object, status: int = 200) -> web.Response:
    """A JSON answer."""
    return web.Response(
        body=orjson.dumps(body), status=status, content_type="application/json", charset="utf-8"
    )


def refusal(refused: CommandRefused) -> web.Response:
    """An error answer; the status comes from the table of codes."""
    return reply({"err": refused.to_wire()}, status_of(refused.code))


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every refusal and failure into the one error shape, never a stack trace."""
    try:
        return await handler(request)
    except CommandRefused as refused:
        return refusal(refused)
    except (Refused, SaleRefused) as refused:
        return refusal(translate(refused))
    except (Unavailable, SQLAlchemyError) as error:
        log.warning("store_unavailable", path=request.path, error=repr(error))
        return refusal(unavailable())
    except web.HTTPException as error:
        if error.status < 400:
            raise
        response = refusal_for_status(error)
        response.headers.update({k: v for k, v in error.headers.items() if k in _KEPT_HEADERS})
        return response
    except (ConnectionError, asyncio.CancelledError):
        raise
    except Exception:
        log.exception("request_failed", method=request.method, path=request.path)
        return refusal(CommandRefused("internal", "internal error"))


_KEPT_HEADERS = ("Retry-After", "Allow")
_CODE_OF_STATUS = {
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    503: "unavailable",
}


def refusal_for_status(error: web.HTTPException) -> web.Response:
    """The error shape for what the HTTP framework itself refuses."""
    code = _CODE_OF_STATUS.get(error.status, "bad_request")
    body = {"err": CommandRefused(code, error.reason.lower()).to_wire()}
    return reply(body, error.status)


@web.middleware
async def security_headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Headers that no answer should be without."""
    response = await handler(request)
    if not response.prepared:
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "no-referrer")
        if request.path.startswith("/v1/"):
            response.headers.setdefault("Cache-Control", "no-store")
        elif request.path.startswith("/static/"):
            response.headers.setdefault("Cache-Control", f"public, max-age={STATIC_MAX_AGE_S}")
    return response


async def body_bytes(request: web.Request) -> bytes:
    """The request's body, within the size and time limits."""
    if request.content.is_eof():  # it came with the head, as a command does: nothing to wait for
        return await request.read()
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            return await request.read()
    except TimeoutError:
        raise CommandRefused("bad_request", "the body took too long") from None


async def body_as(request: web.Request, shape: type[T]) -> T:
    """The JSON body decoded strictly as `shape`; an empty body counts as `{}`."""
    data = await body_bytes(request)
    try:
        return msgspec.json.decode(data or b"{}", type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise CommandRefused("bad_request", str(error)) from error
