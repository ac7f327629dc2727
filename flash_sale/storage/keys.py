"""Every Redis key of a sale. No other file may spell one.

The braces are the cluster's hash tag: all keys of a sale live in one slot, so one script may
touch them all.
"""

from __future__ import annotations

# Which sales Redis should know. A hint for people with redis-cli; SQL is the truth.
SALES_INDEX = "liveroom:sales"


def sale(sale_id: str) -> str:
    """HASH: stage, window, deadlines, fence, generation, journal number."""
    return f"liveroom:{{{sale_id}}}:sale"


def stock(sale_id: str) -> str:
    """HASH `letter:cell` → count. A cell is a SKU in a channel: `sku`, if not live `sku@channel`.

    Letters: available, held, sold, initial, restocked, written off, transferred, version; of the
    SKU alone price, limit, channels.
    """
    return f"liveroom:{{{sale_id}}}:stock"


def answers(sale_id: str) -> str:
    """HASH: `user:key` → fingerprint of the request (24 bytes) + the answer.

    The answer is its JSON, or of what the reserve script held: suffix, a space, and the JSON from
    the amount on (`records.answer_json` puts the rest in front). Besides `user=fingerprint` →
    suffix of the person's latest hold of those lines, and `!key` → what staff did under that key.
    """
    return f"liveroom:{{{sale_id}}}:answers"


def counts(sale_id: str) -> str:
    """HASH: `user:sku` → pieces held and paid."""
    return f"liveroom:{{{sale_id}}}:counts"


def holds(sale_id: str) -> str:
    """ZSET: reservation suffix by its deadline in epoch milliseconds."""
    return f"liveroom:{{{sale_id}}}:holds"


def reservations(sale_id: str) -> str:
    """HASH: reservation suffix → record (msgpack, see `storage/records.py`)."""
    return f"liveroom:{{{sale_id}}}:reservations"


def journal(sale_id: str) -> str:
    """STREAM: the changes, numbered 1-0, 2-0, … without gaps.

    The buys that one script held are one entry (`buys`), which has the number of its last.
    """
    return f"liveroom:{{{sale_id}}}:journal"


def all_of(sale_id: str) -> list[str]:
    """All keys in the order the scripts take them."""
    return [
        sale(sale_id),
        stock(sale_id),
        answers(sale_id),
        counts(sale_id),
        holds(sale_id),
        reservations(sale_id),
        journal(sale_id),
    ]


def coupon_keys(coupon_id: str) -> list[str]:
    """A coupon's keys in the order its scripts take them.

    HASH: quota, limit per person, end of claiming, how many are taken. HASH of claims: `#user` →
    how many, `user:key` → "number claimed_ms", `@user:number` → "claimed_ms key". STREAM: each
    claim, until it is in SQL.
    """
    start = f"liveroom:{{{coupon_id}}}:coupon"
    return [start, f"{start}-claims", f"{start}-log"]


def coupon_deeds(coupon_id: str, task: str) -> str:
    """SET: who has done the task of a coupon in its room."""
    return f"liveroom:{{{coupon_id}}}:coupon-{task}"


# -- before and behind the sale: not part of a generation, so a rebuilt sale keeps them ------

QUEUES_INDEX = "liveroom:queues"  # SET of sales with people in line
WAITLISTS_INDEX = "liveroom:waitlists"  # SET of sales with people waiting for returns


def queue_of(sale_id: str) -> list[str]:
    """HASH of counters; ZSETs of people: early by rank, line by score, admitted by until when."""
    tag = f"liveroom:{{{sale_id}}}:queue"
    return [tag, f"{tag}:early", f"{tag}:line", f"{tag}:admitted"]


def waitlist_of(sale_id: str) -> list[str]:
    """ZSET `sku:number:user` (waiting), HASH `sku:user` → what for, HASH of offers not yet told."""
    tag = f"liveroom:{{{sale_id}}}:waitlist"
    return [tag, f"{tag}:waiters", f"{tag}:offers"]


def limits_of(sale_id: str, window: int) -> list[str]:
    """HASH subject → acts: of a numbered window and of the one before it."""
    tag = f"liveroom:{{{sale_id}}}:limits"
    return [f"{tag}:{window}", f"{tag}:{window - 1}"]


def risk(sale_id: str) -> str:
    """HASH rule → how often it refused somebody."""
    return f"liveroom:{{{sale_id}}}:risk"
