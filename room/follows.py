"""Who follows a host. SQL decides; Redis answers, and may forget.

Every change takes the host's next revision in SQL, and an answer in Redis carries the revision it
was read at, so an old answer can never stand over a newer one, whichever arrives last. What Redis
has lost is read from SQL again. Nothing here knows rooms: a room's host is looked up by the caller.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from room.errors import Refused
from room.micro_batch import MicroBatch
from room.ports import FollowArchive, FollowCache

BATCH_MAX: Final = 256
WAITING_MAX: Final = 20_000  # per host and worker: everybody may be asked to follow at once

_Wish = tuple[str, bool, int]  # user, whether to follow, now in ms


@dataclass(frozen=True, slots=True)
class Following:
    """One person's standing with a host, and how many follow in all."""

    following: bool
    followers: int


class Follows:
    """Use cases of following. All calls that arrive together travel together."""

    def __init__(self, cache: FollowCache, archive: FollowArchive) -> None:
        self._cache = cache
        self._archive = archive
        self._changes: MicroBatch[str, _Wish, Following] = MicroBatch(
            self._change_batch, batch_max=BATCH_MAX, waiting_max=WAITING_MAX
        )
        self._questions: MicroBatch[str, str, bool] = MicroBatch(
            self._answer_batch, batch_max=BATCH_MAX, waiting_max=WAITING_MAX
        )

    async def change(
        self, host_id: str, user_id: str, *, following: bool, now_ms: int
    ) -> Following:
        """Follow or unfollow; twice is the same as once. Nobody follows themselves."""
        if host_id == user_id:
            raise Refused("bad_request", "you are the host")
        return await self._changes.submit(host_id, (user_id, following, now_ms))

    async def follows(self, host_id: str, user_id: str) -> bool:
        """Whether this person follows the host. Raises `Unavailable` when nobody can say."""
        return await self._questions.submit(host_id, user_id)

    async def followers(self, host_ids: list[str]) -> dict[str, int]:
        """How many follow each of these hosts."""
        known = await self._cache.followers(host_ids)
        for host_id in set(host_ids) - known.keys():
            page = await self._archive.follows_of(host_id, ())
            await self._cache.keep(host_id, page, {})
            known[host_id] = page.followers
        return known

    async def _change_batch(self, host_id: str, wishes: list[_Wish]) -> list[Following]:
        last = {user_id: following for user_id, following, _ in wishes}
        page = await self._archive.change_follows(host_id, last, wishes[-1][2])
        await self._cache.keep(host_id, page, last)
        return [Following(last[user_id], page.followers) for user_id, _, _ in wishes]

    async def _answer_batch(self, host_id: str, user_ids: list[str]) -> list[bool]:
        known = await self._cache.known(host_id, user_ids)
        unknown = [user_id for user_id in set(user_ids) if user_id not in known]
        if unknown:
            page = await self._archive.follows_of(host_id, unknown)
            found = {user_id: user_id in page.following for user_id in unknown}
            await self._cache.keep(host_id, page, found)
            known |= found
        return [known[user_id] for user_id in user_ids]
