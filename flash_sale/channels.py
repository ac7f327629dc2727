"""Channels: the live room, the shop, distributors. A SKU's pieces lie in cells, one a channel.

Pure. Moving pieces between cells keeps their sum; each cell balances on its own as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from flash_sale.errors import Refused

LIVE = "live"  # the room's own channel: what it has left is what viewers see
CHANNELS_MAX = 16  # of one SKU, as in adjust.lua and transfer.lua
CHANNEL_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Cell(NamedTuple):
    """Where pieces lie."""

    sku_id: str
    channel: str = LIVE


def cell_name(cell: Cell) -> str:
    """As the stock store spells it: a live cell by its SKU alone."""
    return cell.sku_id if cell.channel == LIVE else f"{cell.sku_id}@{cell.channel}"


def cell_of_name(name: str) -> Cell:
    sku_id, _, channel = name.partition("@")
    return Cell(sku_id, channel or LIVE)


def shares(stock: int, others: Mapping[str, int]) -> dict[str, int]:
    """The first pieces of each channel: `others` out of `stock`, the rest live."""
    return {LIVE: stock - sum(others.values()), **others}


def check_channels(stock: int, others: Mapping[str, int]) -> None:
    """Raise `Refused("bad_request")` unless the channels' pieces fit into the stock."""
    fits = (
        len(others) < CHANNELS_MAX
        and LIVE not in others
        and all(type(n) is int and n >= 0 for n in others.values())
        and sum(others.values()) <= stock
    )
    if not fits or not all(is_channel(name) for name in others):
        raise Refused("bad_request", "Not acceptable: channels.")


def is_channel(name: object) -> bool:
    return isinstance(name, str) and CHANNEL_PATTERN.fullmatch(name) is not None
