"""Every Redis key of this package, and nothing else makes one.

All keys of a room carry the hash tag `{room_id}`, so one script may touch several of them on a
cluster. Ids are checked at the edge to be `[A-Za-z0-9_-]{1,64}` and cannot break out of the tag.
"""

from __future__ import annotations

from typing import Final

# One timetable for all rooms: a sorted set of "room_id/lottery_id" by Unix ms.
LOTTERIES_DUE: Final = "lotteries:{due}"
AUCTIONS_DUE: Final = "auctions:{due}"  # the same of auctions
POLLS_DUE: Final = "polls:{due}"  # the same of polls


def room(room_id: str) -> str:
    """Hash: epoch, seq, state (blob), peak."""
    return f"room:{{{room_id}}}"


def critical(room_id: str) -> str:
    """Stream of critical events; entry ids are `<seq>-0`."""
    return f"room:{{{room_id}}}:critical"


def bus(room_id: str) -> str:
    """Channel between the workers that have viewers of the room."""
    return f"room:{{{room_id}}}:bus"


def workers(room_id: str) -> str:
    """Hash: worker → last pulse."""
    return f"room:{{{room_id}}}:workers"


def retired(room_id: str) -> str:
    """Hash: silent worker → its last pulse, counted on."""
    return f"room:{{{room_id}}}:retired"


def totals(room_id: str) -> str:
    """Hash: counter → sum over workers that are gone for good."""
    return f"room:{{{room_id}}}:totals"


def visited(room_id: str) -> str:
    """Hash: user who came → the source they first came from."""
    return f"room:{{{room_id}}}:visited"


def audience(room_id: str) -> str:
    """Hash: count of entries, visitors and stayers by label → count."""
    return f"room:{{{room_id}}}:audience"


def arrivals(room_id: str) -> str:
    """Hash: Unix minute → people who came for the first time in it."""
    return f"room:{{{room_id}}}:arrivals"


def inviters(room_id: str) -> str:
    """Sorted set: user → people who came by their link."""
    return f"room:{{{room_id}}}:inviters"


def returned(room_id: str) -> str:
    """Set of users who left for a while and came back."""
    return f"room:{{{room_id}}}:returned"


def comments(room_id: str) -> str:
    """List of the last comments, oldest first, as JSON wire events."""
    return f"room:{{{room_id}}}:comments"


def turn(room_id: str, user_id: str) -> str:
    """String: when the person's saved-up turns are used up (Unix ms); expires by itself."""
    return f"room:{{{room_id}}}:turn:{user_id}"


def said(room_id: str, text_key: str) -> str:
    """String: somebody said this; expires by itself. `text_key` is a digest in hex."""
    return f"room:{{{room_id}}}:said:{text_key}"


def held(room_id: str) -> str:
    """Hash: comment id → the comment that waits for staff, as JSON."""
    return f"room:{{{room_id}}}:held"


def watched(room_id: str) -> str:
    """Hash: user → credited ms."""
    return f"room:{{{room_id}}}:watched"


def watched_until(room_id: str) -> str:
    """Hash: user → Unix ms up to which they were credited."""
    return f"room:{{{room_id}}}:watched_until"


def watched_total(room_id: str) -> str:
    """Integer: credited ms over all people."""
    return f"room:{{{room_id}}}:watched_total"


def lottery(room_id: str, lottery_id: str) -> str:
    """Hash: face, rules, seed (secret), state, count, hash, excluded, frozen_ms, winners, …"""
    return f"room:{{{room_id}}}:lottery:{lottery_id}"


def entries(room_id: str, lottery_id: str) -> str:
    """List of user ids in the order of entry."""
    return f"room:{{{room_id}}}:lottery:{lottery_id}:entries"


def receipts(room_id: str, lottery_id: str) -> str:
    """Hash: user → `<index>:<running hash>`."""
    return f"room:{{{room_id}}}:lottery:{lottery_id}:receipts"


def names(room_id: str, lottery_id: str) -> str:
    """Hash: user → display name at entry."""
    return f"room:{{{room_id}}}:lottery:{lottery_id}:names"


def poll(room_id: str, poll_id: str) -> str:
    """Hash: voters, votes by number of the option, closed (once it is)."""
    return f"room:{{{room_id}}}:poll:{poll_id}"


def votes(room_id: str, poll_id: str) -> str:
    """Hash: user → numbers of the options they chose, joined by commas."""
    return f"room:{{{room_id}}}:poll:{poll_id}:votes"


def here(room_id: str, worker_id: str) -> str:
    """Set: people with a socket at this worker, kept while a lottery asks who is present."""
    return f"room:{{{room_id}}}:here:{worker_id}"


def here_workers(room_id: str) -> str:
    """Set: the workers that keep such sets."""
    return f"room:{{{room_id}}}:here"


def present(room_id: str, lottery_id: str) -> str:
    """Set: who was in the room when the entries were frozen."""
    return f"room:{{{room_id}}}:lottery:{lottery_id}:present"


def said_phrase(room_id: str, lottery_id: str) -> str:
    """Set: who has said the phrase in a comment."""
    return f"room:{{{room_id}}}:lottery:{lottery_id}:said"


def follows(host_id: str) -> str:
    """Hash: user → `<revision>:<0|1>`, and `#` → `<revision>:<followers>`. Expires by itself."""
    return f"follows:{{{host_id}}}"


def questions(room_id: str, part: str = "") -> str:
    """Hash: id → question as JSON. The parts beside it are described in `question_*.lua`."""
    return f"room:{{{room_id}}}:questions" + (f":{part}" if part else "")


def question_voters(room_id: str, question_id: str) -> str:
    """Set of users who want an open question answered."""
    return f"room:{{{room_id}}}:question:{question_id}:voters"


# Rains and gifts: one timetable for all rooms, a sorted set of "room_id/handout_id" by Unix ms.
HANDOUTS_DUE: Final = "handouts:{due}"


def handout(room_id: str, handout_id: str) -> str:
    """Hash: record (holds a rain's secret), state, quota, per_user, window, count, hash."""
    return f"room:{{{room_id}}}:handout:{handout_id}"


def packets(room_id: str, handout_id: str) -> str:
    """List of the amounts nobody has yet, in cents; of a rain."""
    return f"room:{{{room_id}}}:handout:{handout_id}:packets"


def claims(room_id: str, handout_id: str) -> str:
    """List of claims as JSON, in their order."""
    return f"room:{{{room_id}}}:handout:{handout_id}:claims"


def claim_marks(room_id: str, handout_id: str) -> str:
    """Hash: user → number of claims; user/ → index of the first; user/key → index of that."""
    return f"room:{{{room_id}}}:handout:{handout_id}:marks"


def auction(room_id: str, auction_id: str, part: str = "") -> str:
    """Hash: terms, who leads, how it ended. Beside it `bids` and `keys`, see `auction_bid.lua`."""
    return f"room:{{{room_id}}}:auction:{auction_id}" + (f":{part}" if part else "")


def ticks(room_id: str) -> str:
    """Hash: where the ticks over plain HTTP stand, who makes them and who wants them."""
    return f"room:{{{room_id}}}:ticks"


def tick(room_id: str, n: int) -> str:
    """String: one tick as JSON; expires by itself."""
    return f"room:{{{room_id}}}:tick:{n}"


def without_socket(room_id: str) -> str:
    """Sorted set: user present over plain HTTP → Unix ms until which they are. Expires."""
    return f"room:{{{room_id}}}:without_socket"


def tick_start(room_id: str) -> str:
    """String: the newest start object as JSON; expires by itself."""
    return f"room:{{{room_id}}}:tick_start"
