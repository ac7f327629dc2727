"""What is one's own: coupons, points, wins, cart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiohttp import web

from room.claims import Claim
from room.moderation import muted_until_ms
from server.api.access import path_id, require, require_login, room_of, services_of
from server.api.responses import reply
from server.context import Services
from server.fanout import LiveRoom
from server.registry import LOGGED_IN

WINS_MAX = 100
WAITED_PHASES = frozenset({"live", "sold_out"})

routes = web.RouteTableDef()


@routes.get("/v1/me/coupons")
async def list_coupons(request: web.Request) -> web.Response:
    """The bearer's coupons, newest first, each with its state: claimed, held, used or expired."""
    user, services = require_login(request), services_of(request)
    return reply(
        {"coupons": await services.rewards.coupons.owned(user.user_id, services.hub.now_ms())}
    )


@routes.get("/v1/me/points")
async def show_points(request: web.Request) -> web.Response:
    """The bearer's points and the newest entries of their ledger."""
    user = require_login(request)
    return reply(await services_of(request).rewards.books.points(user.user_id))


@routes.get("/v1/me/cart")
async def show_cart(request: web.Request) -> web.Response:
    """The bearer's cart in `?room_id=`: lines, price, best coupon, and a better one in reach."""
    user, services = require_login(request), services_of(request)
    room_id = request.query.get("room_id", "")
    carts, now_ms = services.rewards.carts, services.hub.now_ms()
    return reply({"sales": await carts.view(user.user_id, room_id, now_ms)})


@routes.get("/v1/me/wins")
async def list_wins(request: web.Request) -> web.Response:
    """What the bearer won, newest first: in draws (each with how its claim stands, and their own
    form), at auctions (each with its order), from red-packet rains, gifts claimed."""
    user, services = require_login(request), services_of(request)
    handed_out = await services.activities.handout_ledger.handouts_to(user.user_id, WINS_MAX)
    return reply(
        {
            **await _won(services, user.user_id),
            "rains": [win for win in handed_out if "rain_id" in win],
            "gifts": [win for win in handed_out if "gift_id" in win],
        }
    )


@routes.get("/v1/rooms/{room_id}/me")
async def show_own(request: web.Request) -> web.Response:
    """What is the bearer's own, as it stands: for viewers without a socket, every few seconds.

    Orders, wins and auctions, coupons, what they asked back, what they wait for in the sales of the
    room, whether they follow its host, until when they are muted. Newest first.
    """
    services = services_of(request)
    user, room = require(request, LOGGED_IN, path_id(request, "room_id")), await room_of(request)
    now_ms = services.hub.now_ms()
    return reply(
        {
            "server_ms": now_ms,
            "role": user.role,
            "muted_until_ms": muted_until_ms(room.replica.state, user.user_id, now_ms),
            "following": await services.followers.at_greeting(room, user),
            "orders": await services.checkout.orders(user.user_id),
            **await _won(services, user.user_id),
            "coupons": await services.rewards.coupons.owned(user.user_id, now_ms),
            "refund_requests": await services.rewards.refund_requests.of_user(user.user_id),
            "waiting": await _waiting(services, room, user.user_id),
        }
    )


async def _waiting(services: Services, room: LiveRoom, user_id: str) -> list[dict[str, object]]:
    """Of the sales whose pieces may still come back."""
    waiting = []
    for sale in room.replica.state.sales.values():
        if sale.phase in WAITED_PHASES:
            for entry in await services.offers.standing(sale.sale_id, user_id):
                waiting.append({"sale_id": sale.sale_id, **entry})
    return waiting


async def _won(services: Services, user_id: str) -> dict[str, object]:
    wins = await services.archive.wins_of(user_id, WINS_MAX)
    claims = await services.activities.claiming.claims_by(user_id, WINS_MAX)
    wins = [*await _fresh(services, wins, claims), *wins]
    auctions = await services.archive.auctions_won(user_id, WINS_MAX)
    return {
        "wins": [{**win, "claim": _claim(claims, win)} for win in wins],
        "auctions": await services.selling.auction_orders.with_orders(auctions, user_id),
    }


async def _fresh(
    services: Services,
    wins: Sequence[Mapping[str, object]],
    claims: Mapping[str, tuple[Claim, dict[str, str]]],
) -> list[dict[str, object]]:
    """Wins of this moment, which the archive of the room's events does not list yet."""
    listed = {win["lottery_id"] for win in wins}
    fresh: list[dict[str, object]] = []
    for lottery_id in claims.keys() - listed:
        record = await services.archive.load_lottery(lottery_id)
        claim, _ = claims[lottery_id]
        if record is not None:
            fresh.append(
                {
                    "lottery_id": lottery_id,
                    "room_id": claim.room_id,
                    "prize": record.face.prize,
                    "rank": claim.rank,
                    "won_ms": record.drawn_ms or 0,
                    "fields": list(record.face.form),
                }
            )
    return fresh


def _claim(
    claims: Mapping[str, tuple[Claim, dict[str, str]]], win: Mapping[str, object]
) -> dict[str, object] | None:
    known = claims.get(str(win["lottery_id"]))
    if known is None:
        return None
    claim, form = known
    return {
        "state": claim.state,
        "claim_by_ms": claim.claim_by_ms,
        "claimed_ms": claim.claimed_ms,
        "form": form,
    }
