"""Reading a sale's journal: a batch of buys is one entry of the stream and many facts.

So how many entries to ask for is found out as it goes.
"""

from __future__ import annotations

from typing import cast

from redis.asyncio import Redis

from flash_sale.ports import Entry
from flash_sale.storage import keys
from flash_sale.storage.records import unpack_entries

Rows = list[tuple[bytes, dict[bytes, bytes]]]

BATCH_BUYS_USUAL = 256  # in a stampede; then the first page is what a transaction takes
PAGE_ENTRIES_MAX = 128  # should each be one fact


async def facts_after(redis: Redis, sale_id: str, seq: int, limit: int) -> list[Entry]:
    """The facts after number `seq`, at most `limit`. Errors: redis-py's."""
    found: list[Entry] = []
    after, read, count = seq, 0, limit // BATCH_BUYS_USUAL + 1
    while True:
        page = await _page(redis, sale_id, after, count)
        for entry_id, pairs in page:  # no entry is taken apart that is not needed: most of the work
            facts = unpack_entries(entry_id, pairs)
            known = facts[0].seq <= seq  # only of the first: a batch may have been moved in part
            found += [fact for fact in facts if fact.seq > seq] if known else facts
            if len(found) >= limit:
                return found[:limit]
        if len(page) < count:
            return found
        after, read = found[-1].seq, read + len(page)
        usual = max(1, len(found) // read)
        count = min(PAGE_ENTRIES_MAX, (limit - len(found)) // usual + 1)


async def _page(redis: Redis, sale_id: str, seq: int, count: int) -> Rows:
    found = await redis.xrange(keys.journal(sale_id), f"({seq}-0", "+", count=count)
    return cast(Rows, found)
