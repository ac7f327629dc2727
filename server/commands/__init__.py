"""Handlers of all commands, one file per subject; importing this package fills the registry."""

from server.commands import (
    cards,
    cart,
    coupons,
    engagement,
    line,
    lotteries,
    moderation,
    sales,
    stage,
    stock,
    talk,
)

__all__ = [
    "cards",
    "cart",
    "coupons",
    "engagement",
    "line",
    "lotteries",
    "moderation",
    "sales",
    "stage",
    "stock",
    "talk",
]
