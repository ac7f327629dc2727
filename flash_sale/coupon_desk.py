"""Dropping coupons, claiming them, and looking at one's own.

Redis decides each claim by one script; the claim is durable there when it is answered, and SQL has
it soon after: from the log that the script writes, or at once when its owner wants to use it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from flash_sale.coupons import Coupon, Segment, Standing, Task, require_qualified
from flash_sale.errors import UNKNOWN_RETRY_MS, Refused, not_found, unknown_outcome
from flash_sale.ports_rewards import CouponLedger, CouponStore

REMEMBERED_MAX = 5_000
BATCH_CLAIMS_MAX = 256  # in one script call
WAITING_MAX = 20_000  # for one coupon; past it a claimant is told to come back
OPEN_COUPONS_MAX = 1_000  # looked at by the duty and put back after a loss
LOG_BATCH_MAX = 500
LOG_LAG_MS = 3_600_000  # the log of a coupon is read this long after claiming ended
PAGE_MAX = 500
OWNED_MAX = 200
REFUSALS = {
    "limit_reached": "You have this coupon already.",
    "none_left": "All of these coupons are taken.",
    "closed": "This coupon can no longer be claimed.",
}


class CouponDesk:
    def __init__(self, store: CouponStore, ledger: CouponLedger) -> None:
        self._store = store
        self._ledger = ledger
        self._known: dict[str, Coupon] = {}
        self._lanes: dict[str, list[tuple[tuple[str, str], asyncio.Future[Any]]]] = {}
        self._draining: dict[str, asyncio.Task[None]] = {}
        store.on_forgotten(self.restore)

    async def drop(self, coupon: Coupon) -> Coupon:
        """Make a coupon claimable; again with the same terms is fine.

        Refused: bad_request, conflict (its id stands for another one).
        """
        coupon.check()
        if not await self._ledger.add_coupon(coupon):
            known = await self._ledger.coupon(coupon.coupon_id)
            if known is None or _terms(known) != _terms(coupon):
                raise Refused("conflict", "There is another coupon of this id.")
            coupon = known
        await self._store.load(coupon, ())
        return coupon

    async def find(self, coupon_id: str, room_id: str | None = None) -> Coupon:
        """Refused not_found, also for a coupon of another room."""
        coupon = self._known.get(coupon_id) or await self._ledger.coupon(coupon_id)
        if coupon is None or room_id not in (None, coupon.room_id):
            raise not_found("coupon")
        if len(self._known) >= REMEMBERED_MAX:
            self._known.clear()
        self._known[coupon_id] = coupon
        return coupon

    async def claim(
        self, coupon: Coupon, user_id: str, key: str, *, watched_ms: int = 0, now_ms: int = 0
    ) -> dict[str, object]:
        """Give one to a person; the same `key` gets the same one. `now_ms` 0 is Redis' clock.

        Refused: not_eligible, not_qualified, limit_reached, none_left, closed, unknown_outcome.
        """
        require_qualified(coupon, await self._standing(coupon, user_id, watched_ms))
        outcome, number, at_ms, taken = await self._decided(coupon, (user_id, key), now_ms)
        if outcome in REFUSALS:
            raise Refused(outcome, REFUSALS[outcome])
        if outcome != "claimed":
            raise unknown_outcome()
        return {
            "coupon_id": coupon.coupon_id,
            "number": number,
            "claimed_ms": at_ms,
            "expires_ms": at_ms + coupon.valid_s * 1000,
            "remaining": max(0, coupon.quota - taken),
        }

    async def grant(self, coupon: Coupon, user_id: str, key: str, at_ms: int) -> str:
        """Give one without being asked, as of `at_ms`, once a key; it is in SQL when this returns.

        The outcome: claimed, limit_reached, none_left, closed. Refused unknown_outcome.
        """
        ((outcome, *_),) = await self._ask_store(coupon, [(user_id, key)], at_ms)
        if outcome == "unknown_outcome":
            raise unknown_outcome()
        if outcome == "claimed":
            claims = await self._store.claims_of(coupon.coupon_id, user_id)
            await self._ledger.add_claims(coupon, claims)
        return outcome

    async def note_deed(self, coupon: Coupon, user_id: str) -> None:
        await self._store.note_deed(coupon, user_id)

    async def taken(self, coupon_ids: Sequence[str]) -> dict[str, int]:
        return await self._store.taken(coupon_ids)

    async def usable(self, coupon: Coupon, user_id: str, now_ms: int) -> str:
        """The id of a claim that can be held now. Refused coupon_unavailable."""
        claim_id = await self._ledger.usable(coupon.coupon_id, user_id, now_ms)
        if claim_id is None:  # perhaps SQL has not heard of it yet
            claims = await self._store.claims_of(coupon.coupon_id, user_id)
            await self._ledger.add_claims(coupon, claims)
            claim_id = await self._ledger.usable(coupon.coupon_id, user_id, now_ms)
        if claim_id is None:
            raise Refused("coupon_unavailable", "You have no such coupon to use now.")
        return claim_id

    async def owned(self, user_id: str, now_ms: int) -> list[dict[str, object]]:
        """A person's coupons, newest first; one claimed a moment ago may be missing still."""
        found = await self._ledger.owned(user_id, OWNED_MAX)
        return [coupon.to_wire(now_ms) for coupon in found]

    # -- duties ---------------------------------------------------------------------------------

    async def step(self, now_ms: int) -> int:
        """Move logged claims into SQL; how many."""
        open_ones = await self._ledger.claimable(now_ms - LOG_LAG_MS, OPEN_COUPONS_MAX)
        if not open_ones:
            return 0
        by_id = {coupon.coupon_id: coupon for coupon in open_ones}
        moved = 0
        for coupon_id, log in (await self._store.logged(list(by_id), LOG_BATCH_MAX)).items():
            await self._ledger.add_claims(by_id[coupon_id], [claim for _, claim in log])
            await self._store.forget_logged(coupon_id, [entry for entry, _ in log])
            moved += len(log)
        return moved

    async def restore(self, lives_there: Callable[[str], bool] = lambda _: True) -> None:
        """Put every open coupon back into a Redis that may have lost it, before any claim."""
        for coupon in await self._ledger.claimable(0, OPEN_COUPONS_MAX):
            if lives_there(coupon.coupon_id):
                await self._put_back(coupon)

    async def _put_back(self, coupon: Coupon) -> None:
        """What SQL knows of the claims; repeats change nothing."""
        await self._store.load(coupon, ())
        last = ""
        while page := await self._ledger.claims_after(coupon.coupon_id, last, PAGE_MAX):
            await self._store.load(coupon, page)
            last = page[-1].claim_id

    async def _decided(
        self, coupon: Coupon, ask: tuple[str, str], now_ms: int
    ) -> tuple[str, int, int, int]:
        """Claims of one coupon that arrive while a call is in flight go together in the next."""
        future: asyncio.Future[tuple[str, int, int, int]]
        future = asyncio.get_running_loop().create_future()
        lane = self._lanes.setdefault(coupon.coupon_id, [])
        if len(lane) >= WAITING_MAX:
            raise Refused("unavailable", "Too many claims are waiting.", UNKNOWN_RETRY_MS)
        lane.append((ask, future))
        if coupon.coupon_id not in self._draining:
            self._draining[coupon.coupon_id] = asyncio.create_task(self._drain(coupon, now_ms))
        return await future

    async def _drain(self, coupon: Coupon, now_ms: int) -> None:
        lane = self._lanes[coupon.coupon_id]
        try:
            while lane:
                batch = lane[:BATCH_CLAIMS_MAX]
                del lane[:BATCH_CLAIMS_MAX]
                answers = await self._ask_store(coupon, [ask for ask, _ in batch], now_ms)
                for (_, future), answer in zip(batch, answers, strict=True):
                    if not future.done():
                        future.set_result(answer)
        finally:
            del self._draining[coupon.coupon_id]
            self._lanes.pop(coupon.coupon_id, None)
            for _, future in lane:  # only after a fault: nobody waits for ever
                future.cancel()

    async def _ask_store(
        self, coupon: Coupon, asks: list[tuple[str, str]], now_ms: int
    ) -> list[tuple[str, int, int, int]]:
        try:
            rows = await self._store.claim(coupon.coupon_id, asks, now_ms)
            if rows[0][0] == "missing":
                await self._put_back(coupon)
                rows = await self._store.claim(coupon.coupon_id, asks, now_ms)
        except Refused:
            rows = []
        if len(rows) != len(asks):
            return [("unknown_outcome", 0, 0, 0)] * len(asks)
        return [tuple(row) for row in rows]

    async def has_bought(self, user_id: str, room_id: str) -> bool:
        """Whether somebody has paid for an order of the room, as the ledger has it."""
        return await self._ledger.has_bought(user_id, room_id)

    async def _standing(self, coupon: Coupon, user_id: str, watched_ms: int) -> Standing:
        bought = False
        if coupon.segment is not Segment.ALL:
            bought = await self._ledger.has_bought(user_id, coupon.room_id)
        did: frozenset[Task] = frozenset()
        if coupon.task not in (Task.NONE, Task.WATCH):
            did = await self._store.did(coupon, user_id)
        return Standing(watched_ms=watched_ms, did=did, bought="before" if bought else "never")


def _terms(coupon: Coupon) -> dict[str, object]:
    return {
        **coupon.to_wire(),
        "closes_ms": 0,
        "room_id": coupon.room_id,
        "back": coupon.repurchase,
    }
