"""A won auction becomes an order to pay: the one thing the room and the sale must do together.

The room knows who won, the sale knows orders; neither knows the other, so it is done here, by a
duty that looks at the wins in SQL. For each win there is a sale of one piece at the hammer's price,
named after the auction, that admits nobody but the winner, who is given the only hold in it. Every
step may be repeated: the sale's name and the key of the hold are the auction's own, so whatever
crashes there is one order. Unpaid by the deadline it lapses, like every order: staff are told, and
the host may offer the piece to the next bidder at what that one bid, in a sale of its own; late
money for the lapsed order then finds no piece and goes back.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

import structlog

from flash_sale.checkout import Checkout
from flash_sale.desk import SaleDesk
from flash_sale.eligibility import Buyer, Eligibility
from flash_sale.errors import Refused
from flash_sale.reserve import ReserveEngine
from flash_sale.sale import Sale, SaleSpec, SkuSpec, Stage
from room.ports import RoomArchive
from server.hub import Hub
from server.wire import event_json

log = structlog.get_logger(__name__)

PAY_S: Final = 1_800  # half an hour: people bid in a hurry and pay at leisure
HOLD_S: Final = PAY_S + 60  # longer than the window, as for every sale
LOOK_BACK_MS: Final = 86_400_000  # a win older than a day without an order is no longer sold
WINS_MAX: Final = 200  # in one look; the next sees the rest, newest first
DONE_REMEMBERED_MAX: Final = 10_000
CHANNEL: Final = "auction"  # its stock is nobody's on the shelf, and is not pushed to the room
WINNER_TIER: Final = "auction-winner"  # no token carries it: only this file gives it to a buyer
KEY: Final = "hammer"
PASSED_ON: Final = "passed-on"  # the key under which a lapsed piece leaves its sale, once
PREFIX: Final = "auction-"
OFFERS_MAX: Final = 10  # of one piece: the winner and those after
LAPSED: Final = ("expired", "cancelled")
Bids = Sequence[Mapping[str, object]]


def sale_id_of(auction_id: str, nth: int = 1) -> str:
    """The sale that an auction's order is in: the winner's, or the `nth` who was offered it."""
    return f"{PREFIX}{auction_id}"[:64] if nth == 1 else f"{PREFIX}{nth}-{auction_id}"[:64]


def auction_id_of(sale_id: str) -> str:
    return re.sub(r"^auction-(\d+-)?", "", sale_id)


def next_bidder(bids: Bids, passed_over: Collection[str]) -> Mapping[str, object] | None:
    """The highest bid of the first person down from the top who is not passed over."""
    rising = sorted(bids, key=lambda bid: int(str(bid["amount_cents"])), reverse=True)
    return next((bid for bid in rising if bid["user_id"] not in passed_over), None)


def is_auction_sale(sale_id: str) -> bool:
    """Such a sale is shown to nobody: it has one piece, and that one is taken."""
    return sale_id.startswith(PREFIX)


class Sold(NamedTuple):
    order_id: str
    is_new: bool


def _bidder_at(bids: Bids, cents: int) -> str:
    """Bids strictly rise: a price is one person's. Refused unavailable: the bids are lost."""
    for bid in bids:
        if bid["amount_cents"] == cents:
            return str(bid["user_id"])
    raise Refused("unavailable", "The bids of this auction are not there.")


class AuctionOrders:
    def __init__(
        self,
        *,
        hub: Hub,
        archive: RoomArchive,
        desk: SaleDesk,
        engine: ReserveEngine,
        checkout: Checkout,
    ) -> None:
        self._hub = hub
        self._archive = archive
        self._desk = desk
        self._engine = engine
        self._checkout = checkout
        self._done: dict[str, None] = {}  # auctions whose order is known to be there

    async def step(self) -> int:
        """Make the orders that are lacking; how many. What fails is tried again next time."""
        made = 0
        now_ms = self._hub.now_ms()
        for win in await self._archive.auctions_won_after(now_ms - LOOK_BACK_MS, WINS_MAX):
            auction_id = str(win["auction_id"])
            if auction_id in self._done:
                continue
            try:
                made += (await self._sell(win, now_ms)).is_new
            except Refused as refusal:
                log.warning("auction_not_sold", auction_id=auction_id, error=refusal.code)
                continue
            self._done[auction_id] = None
            while len(self._done) > DONE_REMEMBERED_MAX:
                self._done.pop(next(iter(self._done)))
        return made

    async def with_orders(
        self, wins: Sequence[Mapping[str, Any]], user_id: str
    ) -> list[dict[str, Any]]:
        """The auctions a person won, each with its order as it stands, None until it is made."""
        orders = await self._checkout.orders(user_id) if wins else []
        by_sale = {order["sale_id"]: order for order in orders}
        return [{**win, "order": by_sale.get(sale_id_of(win["auction_id"]))} for win in wins]

    async def offer_next(
        self, room_id: str, auction_id: str, bids: Bids, banned: Collection[str], *, actor: str
    ) -> dict[str, object]:
        """Offer a piece whose last order lapsed to the next bidder: whom, for how much.

        Every step may be repeated: broken off, it goes on with the same person.
        Refused: not_found (no such win, or nobody else bid), conflict (older than a day, open,
        paid, or passed on too often).
        """
        now_ms = self._hub.now_ms()
        win = await self._archive.auction_won(auction_id)
        if win is None or win["room_id"] != room_id:
            raise Refused("not_found", "No such auction was won in this room.")
        if int(str(win["won_ms"])) <= now_ms - LOOK_BACK_MS:
            raise Refused("conflict", "It was won more than a day ago.")
        sales = await self._sales_of(auction_id)
        had = [
            str(win["user_id"]),
            *(_bidder_at(bids, sale.skus[0].sale_cents) for sale in sales[1:]),
        ]
        order = await self._order_in(sales[-1], had[-1]) if sales else None
        if order is not None and order["status"] in LAPSED:
            bid = next_bidder(bids, {*had, *banned})
            if bid is None:
                raise Refused("not_found", "Nobody else has bid.")
            if len(sales) == OFFERS_MAX:
                raise Refused("conflict", "It was offered often enough.")
            await self._take_back(sales[-1], actor)
            offer = {**win, **bid, "nth": len(sales) + 1}
        elif order is None and len(sales) > 1:  # broken off before there was an order
            price = sales[-1].skus[0].sale_cents
            offer = {**win, "user_id": had[-1], "amount_cents": price, "nth": len(sales)}
        else:
            raise Refused("conflict", "Its order has not lapsed.")
        sold = await self._sell(offer, now_ms)
        told = {name: offer[name] for name in ("auction_id", "title", "amount_cents", "currency")}
        told["order_id"] = sold.order_id
        event = event_json("auction.offered", now_ms, told)
        self._hub.tell_user(room_id, str(offer["user_id"]), event)
        return {**told, "user_id": offer["user_id"]}

    async def _sales_of(self, auction_id: str) -> list[Sale]:
        """Of everybody who was offered the piece so far, the winner first."""
        found: list[Sale] = []
        for nth in range(1, OFFERS_MAX + 1):
            sale = await self._desk.get(sale_id_of(auction_id, nth))
            if sale is None:
                break
            found.append(sale)
        return found

    async def _order_in(self, sale: Sale, user_id: str) -> dict[str, Any] | None:
        orders = await self._checkout.orders(user_id)
        return next((order for order in orders if order["sale_id"] == sale.sale_id), None)

    async def _take_back(self, sale: Sale, actor: str) -> None:
        """Late money must not find the piece any more. Refused conflict: it was faster."""
        sku_id, why = sale.skus[0].sku_id, "offered to the next bidder"
        await self._desk.write_off(
            sale.sale_id, sku_id, 1, actor=actor, reason=why, key=PASSED_ON, channel=CHANNEL
        )

    async def _sell(self, win: Mapping[str, Any], now_ms: int) -> Sold:
        """The order, and whether this call made it. Refused: not now; nothing is lost by asking
        again."""
        sale = await self._sale(win, now_ms)
        user_id, room_id = str(win["user_id"]), str(win["room_id"])
        if sale.retired:
            return Sold("", is_new=False)
        if sale.skus[0].sale_cents != int(win["amount_cents"]):
            raise Refused("conflict", "It is being offered to somebody else.")
        if sale.stage is Stage.DRAFT:
            await self._desk.start(sale.sale_id)
        known = await self._engine.answered(sale.sale_id, user_id, KEY)
        answer = await self._engine.reserve(
            sale.sale_id,
            Buyer(user_id, tier=WINNER_TIER),
            [(sale.skus[0].sku_id, 1)],
            KEY,
            channel=CHANNEL,
        )
        if answer.held is None:
            raise Refused(answer.code, answer.message)
        if sale.stage is not Stage.STOPPED:
            await self._desk.stop(sale.sale_id)
        if known:
            return Sold(str(answer.held["order_id"]), is_new=False)
        order = await self._checkout.order(str(answer.held["order_id"]))
        told = event_json("order.changed", self._hub.now_ms(), {"order": order})
        self._hub.tell_user(room_id, user_id, told)
        log.info("auction_sold", auction_id=win["auction_id"], order_id=order["order_id"])
        return Sold(str(order["order_id"]), is_new=True)

    async def _sale(self, win: Mapping[str, Any], now_ms: int) -> Sale:
        sale_id = sale_id_of(str(win["auction_id"]), int(win.get("nth", 1)))
        known = await self._desk.get(sale_id)
        if known is not None:
            return known
        piece = SkuSpec(
            sku_id=sale_id,
            product_id=str(win["product_id"]),
            title=str(win["title"]),
            stock=1,
            sale_cents=int(win["amount_cents"]),
            list_cents=int(win["amount_cents"]),
            channels={CHANNEL: 1},
        )
        spec = SaleSpec(
            sale_id=sale_id,
            skus=(piece,),
            duration_s=LOOK_BACK_MS // 1_000,
            hold_s=HOLD_S,
            pay_s=PAY_S,
            currency=str(win["currency"]),
            eligibility=Eligibility(tiers=(WINNER_TIER,)),
        )
        return await self._desk.create(spec, str(win["room_id"]), now_ms)
