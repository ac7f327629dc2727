"""Names of a room's epochs. A room begins a new one whenever its sequence cannot be continued.

`e<generation>-<random>`: viewers compare them for equality only; the server also asks which is
newer, to tell a Redis that was rolled back from one that went on.
"""

from __future__ import annotations

import re
from typing import Final

_FORM: Final = re.compile(r"^e(\d{1,15})-")


def next_epoch(before: str | None, random: str) -> str:
    return f"e{generation(before) + 1 if before is not None else 1}-{random}"


def generation(epoch: str) -> int:
    """0 for a name that is not ours, so that ours is newer."""
    match = _FORM.match(epoch)
    return int(match.group(1)) if match else 0


def is_newer(place: tuple[str, int], than: tuple[str, int]) -> bool:
    """Whether (epoch, seq) is further on. Of two epochs of one generation neither is."""
    if place[0] == than[0]:
        return place[1] > than[1]
    return generation(place[0]) > generation(than[0])
