"""What a swarm run shall do: numbers only, equal in every process that takes part."""

from __future__ import annotations

import re
from dataclasses import dataclass

INDEX = re.compile(r"#(\d+)$")
TALK = ("好看,想要", "how much is it?", "冲冲冲", "love this room", "主播辛苦了", "same here",
        "这个颜色还有吗", "what a night", "已经下单了", "can you show it again?")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """One part of a run: this process does every `parts`-th thing, beginning with `part`."""

    url: str
    room: str
    viewers: int
    comments_per_s: float
    seconds: float
    buyers: int = 0
    speakers: int = 200  # viewers with a token who comment in turn
    entrants: int = 0  # speakers who join the lottery
    churn_per_s: float = 0.0  # viewers who leave and come back as new ones
    cuts_per_s: float = 0.0  # connections cut and resumed
    joins_per_s: float = 400.0
    sale_id: str = ""
    sku_id: str = ""
    seed: int = 1
    part: int = 0
    parts: int = 1
    jwt_secret: str | None = None

    @property
    def comments(self) -> int:
        """Comments of the whole run."""
        return int(self.comments_per_s * self.seconds)

    def due_us(self, index: int, begin_us: int) -> int:
        """When comment `index` is meant to be sent. Latency counts from here, sent late or not."""
        return begin_us + int(index * 1_000_000 / self.comments_per_s)

    def share(self, whole: int) -> range:
        """The numbers out of `whole` that belong to this part."""
        return range(self.part, whole, self.parts)


def comment_text(index: int) -> str:
    return f"{TALK[index % len(TALK)]} #{index}"


def comment_index(text: str) -> int | None:
    """The number in a swarm's comment; None for anyone else's."""
    found = INDEX.search(text)
    return int(found.group(1)) if found else None
