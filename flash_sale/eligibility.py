"""Who may take part in a sale: by role, tier, following the host, having bought before. Pure.

What is not asked for is open to everybody who is logged in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from flash_sale.channels import is_channel as is_name
from flash_sale.errors import Refused

NAMES_MAX = 20  # roles or tiers of one sale


class Buyer(msgspec.Struct, frozen=True):
    """Role and tier as the buyer's token says; `follower` of the room's host, where that counts."""

    user_id: str
    role: str = "viewer"
    tier: str | None = None
    follower: bool = False


@dataclass(frozen=True, slots=True)
class Eligibility:
    """One of `roles` (if any are named), one of `tiers` (likewise), a paid order of any sale, a
    follower of the host."""

    roles: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()
    bought_before: bool = False
    follower: bool = False

    def check(self) -> None:
        """Raise `Refused("bad_request")` for what cannot be judged."""
        for names in (self.roles, self.tiers):
            if len(names) > NAMES_MAX or not all(is_name(name) for name in names):
                raise Refused("bad_request", "Not acceptable: eligibility.")

    @property
    def is_open(self) -> bool:
        return not (self.roles or self.tiers or self.bought_before or self.follower)

    def admits(self, buyer: Buyer) -> bool:
        """By what is known of the buyer; `bought_before` is another question."""
        by_role = not self.roles or buyer.role in self.roles
        by_tier = not self.tiers or buyer.tier in self.tiers
        return by_role and by_tier and (buyer.follower or not self.follower)

    def to_wire(self) -> dict[str, object]:
        """Only what is asked for."""
        asked: dict[str, object] = {}
        if self.roles:
            asked["roles"] = list(self.roles)
        if self.tiers:
            asked["tiers"] = list(self.tiers)
        if self.bought_before:
            asked["bought_before"] = True
        if self.follower:
            asked["follower"] = True
        return asked

    @classmethod
    def from_wire(cls, asked: Mapping[str, object]) -> Eligibility:
        """What `to_wire` wrote."""
        return cls(
            roles=tuple(asked.get("roles", ())),  # type: ignore[arg-type]
            tiers=tuple(asked.get("tiers", ())),  # type: ignore[arg-type]
            bought_before=bool(asked.get("bought_before", False)),
            follower=bool(asked.get("follower", False)),
        )


EVERYBODY = Eligibility()
