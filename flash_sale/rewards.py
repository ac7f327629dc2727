"""Points and commissions: what a paid order earns its buyer and its host, and what a refund undoes.

Pure. Everything is computed from the order's paid price and what of it went back, so repeating a
booking, or booking refunds in any order, ends at the same sums.
"""

from __future__ import annotations

from collections.abc import Sequence

CENTS_TO_EARN_A_POINT = 100
RATE_BP_MAX = 10_000  # hundredths of a percent: all of the price


def earned_points(paid_cents: int, refunded_cents: int = 0) -> int:
    """A point for each full yuan that was paid and kept."""
    return max(0, paid_cents - refunded_cents) // CENTS_TO_EARN_A_POINT


def returned_points(spent: int, paid_cents: int, refunded_cents: int) -> int:
    """How many of the points spent on an order are back after refunds: all after a full one."""
    if refunded_cents >= paid_cents:
        return spent
    return spent * refunded_cents // paid_cents


def commission_cents(base_cents: int, rate_bp: int) -> int:
    """The host's part of a line's paid price, rounded down to the cent."""
    return base_cents * rate_bp // 10_000


def reversed_commissions(
    commissions: Sequence[int], paid_cents: int, refunded_cents: int
) -> tuple[int, ...]:
    """What of each line's commission is undone, in proportion to the money that went back.

    Rounded up to the cent: nobody earns on money that was given back.
    """
    back = min(refunded_cents, paid_cents)
    if paid_cents <= 0:
        return tuple(commissions)
    return tuple(-(-cents * back // paid_cents) for cents in commissions)
