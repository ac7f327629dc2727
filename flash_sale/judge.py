"""Who of a batch of buyers may take part: the sale's rules, and SQL for who has bought before."""

from __future__ import annotations

from collections.abc import Sequence

from flash_sale.eligibility import Buyer
from flash_sale.ports import Customers
from flash_sale.sale import Sale

REMEMBERED_MAX = 50_000  # people; past it everybody is asked about anew
STRANGER_S = 5.0  # so long somebody is taken for not having bought; a customer stays one


class Judge:
    def __init__(self, customers: Customers) -> None:
        self._customers = customers
        self._bought: set[str] = set()
        self._strangers: dict[str, float] = {}  # until when, in the caller's seconds

    async def eligible(self, sale: Sale, buyers: Sequence[Buyer], at_s: float) -> list[bool]:
        """In the buyers' order. `at_s` is any clock that only goes forward.

        Refused unavailable: SQL is away; nobody can be judged.
        """
        rules = sale.eligibility
        if rules.is_open:
            return [True] * len(buyers)
        admitted = [rules.admits(buyer) for buyer in buyers]
        if rules.bought_before:
            asked = (buyer.user_id for buyer, may in zip(buyers, admitted, strict=True) if may)
            await self._learn(set(asked), at_s)
            admitted = [
                may and buyer.user_id in self._bought
                for buyer, may in zip(buyers, admitted, strict=True)
            ]
        return admitted

    async def _learn(self, user_ids: set[str], at_s: float) -> None:
        unknown = [u for u in user_ids - self._bought if self._strangers.get(u, at_s) <= at_s]
        if not unknown:
            return
        if len(self._bought) + len(self._strangers) > REMEMBERED_MAX:
            self._bought &= user_ids
            self._strangers.clear()
        found = await self._customers.who_bought(sorted(unknown))
        self._bought |= found
        self._strangers |= dict.fromkeys(set(unknown) - found, at_s + STRANGER_S)
