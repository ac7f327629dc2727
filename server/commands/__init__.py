"""Handlers of all commands, one file per subject; importing this package fills the registry."""

from server.commands import (
    cards,
    coupons,
    engagement,
    line,
    lotteries,
    moderation,
    sales,
    stage,
    talk,
)

__all__ = [
    "cards",
    "coupons",
    "engagement",
    "line",
    "lotteries",
    "moderation",
    "sales",
    "stage",
    "talk",
]
