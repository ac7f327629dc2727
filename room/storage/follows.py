"""Followers in SQL, and the answers about them in Redis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from redis.asyncio import Redis
from sqlalchemy import delete, select, update

from room.ports import FollowPage
from room.storage import keys
from room.storage.engine import SqlStore
from room.storage.scripts import Script, reachable
from room.storage.tables import follow_counts, follows

KEPT_S: Final = 3_600  # an answer is asked of SQL again after this at the latest
_COUNT: Final = "#"  # no user id

_keep: Final = Script("keep_follows")


class SqlFollows(SqlStore):
    """Implements `room.ports.FollowArchive`."""

    async def change_follows(
        self, host_id: str, wishes: Mapping[str, bool], now_ms: int
    ) -> FollowPage:
        here = follow_counts.c.host_id == host_id
        comers = [user_id for user_id, following in wishes.items() if following]
        leavers = [user_id for user_id, following in wishes.items() if not following]
        rows = [{"host_id": host_id, "user_id": one, "since_ms": now_ms} for one in comers]
        first = self._insert(follow_counts).values(host_id=host_id, followers=0, rev=0)
        left = delete(follows).where(follows.c.host_id == host_id, follows.c.user_id.in_(leavers))
        async with self._connection() as connection:
            await connection.execute(first.on_conflict_do_nothing())
            # From here other changes of this host wait.
            await connection.execute(
                update(follow_counts).where(here).values(rev=follow_counts.c.rev + 1)
            )
            more = 0
            if rows:
                came = self._insert(follows).values(rows).on_conflict_do_nothing()
                more += len((await connection.execute(came.returning(follows.c.user_id))).all())
            if leavers:
                more -= len((await connection.execute(left.returning(follows.c.user_id))).all())
            counted = update(follow_counts).where(here)
            counted = counted.values(followers=follow_counts.c.followers + more)
            found = await connection.execute(
                counted.returning(follow_counts.c.rev, follow_counts.c.followers)
            )
            row = found.one()
        return FollowPage(row.rev, row.followers, frozenset(comers))

    async def follows_of(self, host_id: str, user_ids: Sequence[str]) -> FollowPage:
        count = select(follow_counts.c.rev, follow_counts.c.followers).where(
            follow_counts.c.host_id == host_id
        )
        query = select(follows.c.user_id).where(
            follows.c.host_id == host_id, follows.c.user_id.in_(user_ids)
        )
        async with self._connection() as connection:
            # The revision first: people read after it can only be newer than it says.
            row = (await connection.execute(count)).one_or_none()
            found = (await connection.execute(query)).scalars().all() if user_ids else []
        rev, followers = (row.rev, row.followers) if row is not None else (0, 0)
        return FollowPage(rev, followers, frozenset(cast(Sequence[str], found)))


class RedisFollows:
    """Implements `room.ports.FollowCache`."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def known(self, host_id: str, user_ids: Sequence[str]) -> dict[str, bool]:
        with reachable():
            kept: Any = await self._redis.hmget(keys.follows(host_id), list(user_ids))
        return {
            user_id: answer.endswith(b":1")
            for user_id, answer in zip(user_ids, kept, strict=True)
            if answer is not None
        }

    async def followers(self, host_ids: Sequence[str]) -> dict[str, int]:
        with reachable():
            async with self._redis.pipeline(transaction=False) as pipe:
                for host_id in host_ids:
                    pipe.hget(keys.follows(host_id), _COUNT)
                kept = await pipe.execute()
        return {
            host_id: int(answer.partition(b":")[2])
            for host_id, answer in zip(host_ids, kept, strict=True)
            if answer is not None
        }

    async def keep(self, host_id: str, page: FollowPage, answers: Mapping[str, bool]) -> None:
        """Atomic: `keep_follows.lua`."""
        pairs = [part for user_id, yes in answers.items() for part in (user_id, int(yes))]
        await _keep(
            self._redis,
            [keys.follows(host_id)],
            [page.rev, KEPT_S, _COUNT, page.followers, *pairs],
        )
