"""Running the Lua files of `lua/`: one call, one atomic act.

Redis does not keep its script cache over a restart or a failover (since 7.0; the server refuses
older ones at its start). A forgotten script therefore
is the sign that another Redis process answers now, one whose data may be older than what SQL has
already seen. So before the scripts are loaded again, `on_forgotten` is awaited: it must fence every
sale whose data went back in time. No mutation can slip in between restart and check. On a cluster
each node forgets for itself: `on_forgotten` is told which sales live there, others may go on.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgpack
from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from flash_sale.storage import keys
from flash_sale.storage.in_order import in_order

LUA_FOLDER = Path(__file__).parent / "lua"
# Scripts that give pieces back, and so to the waitlist: they take its keys after the sale's.
SERVING = frozenset(
    {"release", "adjust", "transfer", "waitlist_join", "waitlist_leave", "waitlist_serve"}
)
PARTS = {"reserve": ("buys",)}  # rules kept in a file of their own
IN_ORDER = frozenset({"reserve"})  # first come, first served: over one connection
SETTLING = ("settle", "reclaim", "reserve", "begin", "release")  # an order's way from hold to end
GUARD_WAIT_S = 1.0  # then the outcome is told as unknown
RELOADS_MAX = 3  # Redis forgetting its scripts more often than this within one call is a fault


@cache
def source(name: str) -> str:
    """A script's text as it is sent: prelude, what serves the waitlist, its parts, and file."""
    serving = ("serving",) if name in SERVING else ()
    parts = ("prelude", *serving, *PARTS.get(name, ()), name)
    return "".join((LUA_FOLDER / f"{part}.lua").read_text("utf-8") for part in parts)


@cache
def coupon_source(name: str) -> str:
    """A script of coupons, which stands alone."""
    return (LUA_FOLDER.parent / "lua_coupons" / f"{name}.lua").read_text("utf-8")


class Scripts:
    """Calls scripts by digest. Errors: redis-py's; a call that raised may have been applied."""

    def __init__(
        self,
        redis: Redis,
        *,
        source_of: Callable[[str], str] = source,
        keys_of: Callable[[str], list[str]] = keys.all_of,
        together: Sequence[str] = (),
    ) -> None:
        self._redis = redis
        self._command: Callable[..., Awaitable[Any]] = redis.execute_command
        self._in_order = in_order(redis)
        self._source_of = source_of
        self._keys_of = keys_of
        self._together = together
        self._digests: dict[str, str] = {}
        self._loading = asyncio.Lock()
        self._guarding: asyncio.Future[None] | None = None
        self.on_forgotten: Callable[[Callable[[str], bool]], Awaitable[None]] | None = None

    async def run(
        self, name: str, sale_id: str, *arguments: object, more_keys: Sequence[str] = ()
    ) -> Any:  # noqa: ANN401
        """Run over all keys of the sale; the arguments travel as one msgpack list."""
        packed = msgpack.packb(arguments, use_bin_type=False)
        waitlist = keys.waitlist_of(sale_id) if name in SERVING else ()
        sale_keys = [*self._keys_of(sale_id), *waitlist, *more_keys]
        send = self._in_order if name in IN_ORDER else self._command
        for _ in range(RELOADS_MAX):
            digest = self._digests.get(name)
            if digest is None:
                digest = self._digest(name)
            try:
                return await send("EVALSHA", digest, len(sale_keys), *sale_keys, packed)
            except NoScriptError:
                await self._load_again(name, sale_keys[0], digest)
        raise NoScriptError(name)

    async def run_unchecked(self, name: str, sale_id: str, *arguments: object) -> Any:  # noqa: ANN401
        """Run by text, for the guard itself: neither loads scripts nor awaits `on_forgotten`."""
        packed = msgpack.packb(arguments, use_bin_type=False)
        sale_keys = self._keys_of(sale_id)
        text = self._source_of(name)
        return await self._command("EVAL", text, len(sale_keys), *sale_keys, packed)

    def _digest(self, name: str) -> str:
        text = self._source_of(name)
        digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        self._digests[name] = digest
        return digest

    async def _load_again(self, name: str, sale_key: str, digest: str) -> None:
        async with asyncio.timeout(GUARD_WAIT_S), self._loading:
            server = _server_of(self._redis, sale_key)
            command: Callable[..., Awaitable[Any]] = server.execute_command
            known = await command("SCRIPT EXISTS", digest)
            if known and known[0]:
                return  # another call of this process was first
            await self._guard(server)
            for each in {name, *self._together}:  # else each of them would be taken for the sign
                await command("SCRIPT LOAD", self._source_of(each))

    async def _guard(self, server: Redis) -> None:
        """Await a whole `on_forgotten`.

        One that was given up on goes on by itself, for a slow SQL is not interrupted; but it may
        have looked before Redis began anew, so it does not count for us.
        """
        if self.on_forgotten is None:
            return
        if self._guarding is not None:
            await asyncio.wait([self._guarding])

        def lives_there(sale_id: str) -> bool:
            return _server_of(self._redis, self._keys_of(sale_id)[0]) is server

        self._guarding = asyncio.ensure_future(self.on_forgotten(lives_there))
        await asyncio.shield(self._guarding)


def _server_of(redis: Redis, key: str) -> Redis:
    """The one that has forgotten. A client of a cluster knows it: scripts loaded into the others,
    too, would hide that they forgot theirs."""
    at: Callable[[str], Redis] | None = getattr(redis, "at", None)
    return at(key) if at is not None else redis
