"""The counters of a sale, part of the executable specification in `stock.py`. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from flash_sale.channels import CHANNELS_MAX, LIVE


@dataclass(slots=True)
class Pieces:
    """The counters of one SKU in one channel. `version` grows with every change of `available`."""

    initial: int
    available: int
    version: int
    restocked: int = 0
    written_off: int = 0
    transferred: int = 0
    held: int = 0
    sold: int = 0

    @property
    def balanced(self) -> bool:
        total = self.initial + self.restocked - self.written_off + self.transferred
        return self.available >= 0 and total == self.available + self.held + self.sold

    def give(self, qty: int) -> None:
        self.available += qty
        self.version += 1


@dataclass(slots=True)
class Shelf:
    """One SKU: its price, its limit per person over all channels, its pieces by channel."""

    price_cents: int
    per_user: int
    cells: dict[str, Pieces]

    @property
    def balanced(self) -> bool:
        """Every channel balances, and between channels nothing was made or lost."""
        cells = self.cells.values()
        return all(cell.balanced for cell in cells) and sum(c.transferred for c in cells) == 0

    @property
    def pieces_ever(self) -> int:
        return sum(cell.initial + cell.restocked for cell in self.cells.values())

    def open(self, channel: str) -> Pieces:
        """The channel's cell, made if there is none yet."""
        return self.cells.setdefault(channel, Pieces(0, 0, self.cells[LIVE].version))

    def is_full(self, channel: str) -> bool:
        return channel not in self.cells and len(self.cells) >= CHANNELS_MAX
