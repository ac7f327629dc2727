"""Every code a client can be given, with what it means for HTTP and for trying again.

One table: WebSocket replies, HTTP bodies and the documents are made from it. Which rule gives which
code is decided where the rule stands, not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One refusal: stable wire code, HTTP status, and whether the same act may succeed later."""

    code: str
    status: int
    may_retry: bool
    meaning: str


_TABLE = (
    # The request itself
    ErrorCode("bad_request", 400, False, "The request is not well formed or a field is not valid."),
    ErrorCode("unknown_op", 400, False, "There is no such command."),
    ErrorCode("too_long", 400, False, "A text is longer than allowed."),
    ErrorCode("too_large", 413, False, "The body is larger than allowed."),
    ErrorCode("method_not_allowed", 405, False, "This address does not take that method."),
    # Who is asking
    ErrorCode("unauthorized", 401, False, "The token is not valid."),
    ErrorCode("token_expired", 401, False, "The token has expired: get a new one."),
    ErrorCode("login_required", 401, False, "Guests may not do this."),
    ErrorCode("forbidden", 403, False, "This role may not do this here."),
    ErrorCode("banned", 403, False, "This person is banned from the room."),
    ErrorCode("muted", 403, True, "This person is muted."),
    # The room
    ErrorCode("not_found", 404, False, "It does not exist, or is not yours to see."),
    ErrorCode(
        "conflict", 409, False, "It exists already, or the present state does not allow this."
    ),
    ErrorCode("closed", 409, False, "It is closed."),
    ErrorCode("room_ended", 410, False, "The room has ended."),
    ErrorCode("slow_mode", 429, True, "Slow mode: wait before the next comment."),
    ErrorCode("duplicate", 429, True, "The same was said here a moment ago."),
    ErrorCode("sensitive", 422, False, "The text has a word that is not allowed."),
    ErrorCode(
        "not_qualified", 403, True, "The conditions of the lottery, gift or coupon are not met."
    ),
    ErrorCode("outbid", 409, True, "Somebody bids as much: bid at least what `details` say."),
    ErrorCode("tick_expired", 410, False, "This tick is no longer kept: take a start object."),
    ErrorCode("tick_unknown", 404, False, "This tick is far ahead: take a start object."),
    ErrorCode("history_gone", 410, False, "These events are no longer kept: take a start object."),
    # The sale
    ErrorCode("not_started", 409, True, "It has not started yet."),
    ErrorCode("paused", 409, True, "The sale is paused: try again in a moment."),
    ErrorCode("ended", 410, False, "The sale has ended."),
    ErrorCode("not_eligible", 403, False, "This person may not take part."),
    ErrorCode("limit_reached", 409, False, "The limit per person is reached."),
    ErrorCode("sold_out", 409, False, "Nothing is left."),
    ErrorCode("none_left", 409, False, "All of them are taken."),
    ErrorCode("coupon_unavailable", 409, False, "This coupon cannot be used here and now."),
    ErrorCode("below_threshold", 409, False, "The order is too small for this coupon."),
    ErrorCode("points_short", 409, False, "There are fewer points than that."),
    ErrorCode("not_admitted", 403, True, "The sale has a line: it is not this person's turn."),
    ErrorCode("proof_required", 403, True, "Solve the puzzle in `details` and ask again."),
    ErrorCode("risk", 403, False, "Not accepted; which rule refused is not told."),
    ErrorCode("key_reused", 409, False, "This key was used for a different purchase."),
    ErrorCode("unknown_outcome", 503, True, "No answer in time: ask again with the same key."),
    # Payment
    ErrorCode("bad_signature", 401, False, "The signature of the callback is not valid."),
    ErrorCode("stale_signature", 401, False, "The callback is older than the allowed window."),
    ErrorCode("amount_mismatch", 409, False, "The amount paid is not the amount due."),
    ErrorCode("order_closed", 409, False, "The order can no longer be paid."),
    # The server
    ErrorCode("rate_limited", 429, True, "Too many of these: wait."),
    ErrorCode("draining", 503, True, "This server is about to stop: try again."),
    ErrorCode("unavailable", 503, True, "A part the server needs does not answer."),
    ErrorCode("internal", 500, True, "Something went wrong here; it is in the log."),
)

ERRORS: Mapping[str, ErrorCode] = MappingProxyType({entry.code: entry for entry in _TABLE})


def status_of(code: str) -> int:
    """The HTTP status of a code; 500 for one that is not in the table."""
    entry = ERRORS.get(code)
    return entry.status if entry else 500


def may_retry(code: str) -> bool:
    """Whether the same act may succeed later without a change by the sender."""
    entry = ERRORS.get(code)
    return entry.may_retry if entry else False


class CloseCode(IntEnum):
    """Why a socket is closed. 4000-4499: reconnect; 4500-4999: do not. Below as in RFC 6455."""

    GOING_AWAY = 1001
    PROTOCOL = 1002
    UNSUPPORTED = 1003
    BAD_DATA = 1007
    POLICY = 1008
    TOO_BIG = 1009
    INTERNAL = 1011
    DRAINING = 4001
    TOO_SLOW = 4008
    RESYNC = 4009
    TOO_MANY = 4029
    TOKEN_EXPIRED = 4401  # get a new token first
    BAD_TOKEN = 4501
    BANNED = 4503
    KICKED = 4505
    PROTOCOL_ERROR = 4509
    ROOM_ENDED = 4510

    @property
    def may_reconnect(self) -> bool:
        """What a client does next."""
        return self in (1001, 1011) or 4000 <= self < 4500
