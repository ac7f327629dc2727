"""Running the Lua files of `lua/`: one call, one atomic act.

Redis does not keep its script cache over a restart or a failover. A forgotten script therefore
is the sign that another Redis process answers now, one whose data may be older than what SQL has
already seen. So before the scripts are loaded again, `on_forgotten` is awaited: it must fence every
sale whose data went back in time. No mutation can slip in between restart and check.
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

LUA_FOLDER = Path(__file__).parent / "lua"
# Scripts that give pieces back, and so to the waitlist: they take its keys after the sale's.
SERVING = frozenset(
    {"release", "adjust", "transfer", "waitlist_join", "waitlist_leave", "waitlist_serve"}
)
PARTS = {"reserve": ("buys",)}  # rules kept in a file of their own
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
    ) -> None:
        self._command: Callable[..., Awaitable[Any]] = redis.execute_command
        self._source_of = source_of
        self._keys_of = keys_of
        self._digests: dict[str, str] = {}
        self._loading = asyncio.Lock()
        self.on_forgotten: Callable[[], Awaitable[None]] | None = None

    async def run(
        self, name: str, sale_id: str, *arguments: object, more_keys: Sequence[str] = ()
    ) -> Any:  # noqa: ANN401
        """Run over all keys of the sale; the arguments travel as one msgpack list."""
        packed = msgpack.packb(arguments, use_bin_type=False)
        waitlist = keys.waitlist_of(sale_id) if name in SERVING else ()
        sale_keys = [*self._keys_of(sale_id), *waitlist, *more_keys]
        for _ in range(RELOADS_MAX):
            digest = self._digests.get(name)
            if digest is None:
                digest = self._digest(name)
            try:
                return await self._command("EVALSHA", digest, len(sale_keys), *sale_keys, packed)
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
        async with self._loading:
            known = await self._command("SCRIPT EXISTS", digest)
            if known and known[0]:
                return  # another call of this process was first
            if self.on_forgotten is not None:
                await self.on_forgotten()
            await self._command("SCRIPT LOAD", self._source_of(name))
