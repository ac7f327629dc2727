"""What is told to one person (or to the staff) alone, and where the same can be read over HTTP.

A viewer without a socket hears none of these. What each of them says is in an answer that a poll
asks for, or the line says why nothing needs to be. A test compares the table with the code.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class PrivateEvent(NamedTuple):
    """`to` is whom it is told; `over_http` where it is read without a socket."""

    name: str
    to: str
    over_http: str


OWN = "`GET /v1/rooms/{room_id}/me`"

PRIVATE_EVENTS: Final = (
    PrivateEvent("auction.offered", "whom it is offered to", f"{OWN}: the order"),
    PrivateEvent("auction.unpaid", "staff", "`GET /v1/rooms/{room_id}/orders`: the lapsed order"),
    PrivateEvent("auction.won", "the winner", f"{OWN}: `auctions`"),
    PrivateEvent("comment.held", "author, staff", "the answer to `comment.send`; `comment.queue`"),
    PrivateEvent(
        "comment.judged",
        "author, staff",
        "let out, it comes with the ticks; one that was refused comes to nobody; `comment.queue`",
    ),
    PrivateEvent("coupon.granted", "the buyer", f"{OWN}: `coupons`"),
    PrivateEvent("host.followed", "all one's own sockets", f"{OWN}: `following`"),
    PrivateEvent("lottery.joined", "who said the phrase", "`lottery.status`: the receipt"),
    PrivateEvent("mentioned", "who was called by name", "the comment's `mentions`, in the ticks"),
    PrivateEvent("muted", "who was muted", f"{OWN}: `muted_until_ms`"),
    PrivateEvent("order.changed", "the buyer", f"{OWN}: `orders`"),
    PrivateEvent("queue.moved", "who stands in line", "`queue.status`"),
    PrivateEvent("refund.decided", "the buyer, staff", f"{OWN}: `refund_requests`"),
    PrivateEvent("refund.failed", "staff", "`GET /v1/rooms/{room_id}/refunds/failed`"),
    PrivateEvent("refund.requested", "staff", "`GET /v1/rooms/{room_id}/refunds/requested`"),
    PrivateEvent("stock.alert", "staff", "`GET /v1/rooms/{room_id}/metrics`: `stock_pace`"),
    PrivateEvent("waitlist.left", "who waited", f"{OWN}: `waiting`"),
    PrivateEvent("waitlist.offered", "who waited", f"{OWN}: `waiting`, and the order"),
    PrivateEvent("won", "the winner", f"{OWN}: `wins`"),
)
