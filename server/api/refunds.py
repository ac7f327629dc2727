"""Refunds that wait for a person: what buyers ask back, and what a provider refused for good."""

from __future__ import annotations

from typing import Annotated

import msgspec
from aiohttp import web

from flash_sale.refund_requests import RefundRequest
from flash_sale.refunds import CouponReturn, Settling, StockReturn
from room.text import normalise
from server.api.access import (
    note_act,
    path_id,
    require,
    require_login,
    require_staff,
    services_of,
)
from server.api.responses import body_as, reply
from server.errors import CommandRefused
from server.registry import STAFF

NOTE_CHARS_MAX = 500

routes = web.RouteTableDef()


class Settle(msgspec.Struct, frozen=True):
    """`POST /v1/refunds/{id}/settle`. `paid` false: nothing is owed any more."""

    note: Annotated[str, msgspec.Meta(min_length=1, max_length=NOTE_CHARS_MAX)]
    paid: bool = True


@routes.get("/v1/rooms/{room_id}/refunds/failed")
async def list_failed(request: web.Request) -> web.Response:
    """Refunds of the room that wait for a person, oldest first."""
    require_staff(request)
    room_id = path_id(request, "room_id")
    return reply({"refunds": await services_of(request).refunding.failed(room_id)})


@routes.post("/v1/refunds/{refund_id}/settle")
async def settle_refund(request: web.Request) -> web.Response:
    """Say how a failed refund was seen to; kept with the refund and in the staff's log."""
    services, staff = services_of(request), require(request, STAFF)
    body = await body_as(request, Settle)
    refund = await services.refunding.find(path_id(request, "refund_id"))
    room_id = str((await services.checkout.order(refund.order_id))["room_id"])
    if not staff.allows_room(room_id):
        raise CommandRefused("not_found", "there is no such refund")
    now_ms = services.hub.now_ms()
    settling = Settling(paid=body.paid, note=normalise(body.note), actor=staff.user_id)
    settled = await services.refunding.settle(refund.refund_id, settling, now_ms)
    act = {"refund_id": refund.refund_id, "paid": body.paid, "note": body.note}
    await note_act(request, room_id, staff, "refund.settle", act)
    return reply({"refund": settled})


class Approve(msgspec.Struct, frozen=True):
    """`POST /v1/refund-requests/{id}/approve`. `restock`: the pieces are for sale again;
    `return_coupons`: the order's coupons are the buyer's again, once all the money is back."""

    restock: bool = False
    return_coupons: bool = False


class Refuse(msgspec.Struct, frozen=True):
    """`POST /v1/refund-requests/{id}/refuse`. `answer` is what the buyer reads."""

    answer: Annotated[str, msgspec.Meta(min_length=1, max_length=NOTE_CHARS_MAX)]


@routes.get("/v1/rooms/{room_id}/refunds/requested")
async def list_requested(request: web.Request) -> web.Response:
    """What buyers ask back and nobody has answered, oldest first."""
    require_staff(request)
    room_id = path_id(request, "room_id")
    return reply({"requests": await services_of(request).rewards.refund_requests.waiting(room_id)})


@routes.post("/v1/refund-requests/{request_id}/approve")
async def approve_request(request: web.Request) -> web.Response:
    """Give the money back as the buyer asked, and decide about pieces and coupons."""
    services, staff = services_of(request), require(request, STAFF)
    body = await body_as(request, Approve)
    asked = await _asked(request)
    if not staff.allows_room(asked.room_id):
        raise CommandRefused("not_found", "there is no such request")
    stock = StockReturn.RETURNING if body.restock else StockReturn.KEPT
    answer = await services.rewards.refund_requests.approve(
        asked.request_id,
        stock,
        actor=staff.user_id,
        now_ms=services.hub.now_ms(),
        coupons=CouponReturn.RETURNED if body.return_coupons else CouponReturn.USED,
    )
    act = {
        "request_id": asked.request_id,
        "order_id": asked.order_id,
        "amount_cents": asked.amount_cents,
        "restock": body.restock,
        "return_coupons": body.return_coupons,
    }
    await note_act(request, asked.room_id, staff, "refund.approve", act)
    return reply(answer)


@routes.post("/v1/refund-requests/{request_id}/refuse")
async def refuse_request(request: web.Request) -> web.Response:
    """Say no to a buyer's request, and why."""
    services, staff = services_of(request), require(request, STAFF)
    body = await body_as(request, Refuse)
    asked = await _asked(request)
    if not staff.allows_room(asked.room_id):
        raise CommandRefused("not_found", "there is no such request")
    refused = await services.rewards.refund_requests.refuse(
        asked.request_id, normalise(body.answer), actor=staff.user_id, now_ms=services.hub.now_ms()
    )
    act = {"request_id": asked.request_id, "order_id": asked.order_id, "answer": body.answer}
    await note_act(request, asked.room_id, staff, "refund.refuse", act)
    return reply({"request": refused})


@routes.post("/v1/refund-requests/{request_id}/withdraw")
async def withdraw_request(request: web.Request) -> web.Response:
    """The buyer takes their request back before it is answered."""
    services, user = services_of(request), require_login(request)
    request_id = path_id(request, "request_id")
    now_ms = services.hub.now_ms()
    gone = await services.rewards.refund_requests.withdraw(request_id, user.user_id, now_ms)
    return reply({"request": gone})


async def _asked(request: web.Request) -> RefundRequest:
    return await services_of(request).rewards.refund_requests.find(path_id(request, "request_id"))
