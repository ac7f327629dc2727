"""What the simulated people know of the room: a fold of the server's frames into sparks.

Pure. A spark is something worth reacting to; who reacts and how is decided in audience.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from loadtest.corpus import Mood

RECENT_COMMENTS_MAX = 40  # comments to reply to, to pin, and not to repeat
RUNNING = frozenset({"countdown", "live"})


class Spark(NamedTuple):
    mood: Mood
    detail: dict[str, Any]


@dataclass(slots=True)
class Scene:
    """The room as someone in it sees it."""

    cards: dict[str, dict[str, Any]] = field(default_factory=dict)
    sales: dict[str, dict[str, Any]] = field(default_factory=dict)
    lotteries: dict[str, dict[str, Any]] = field(default_factory=dict)
    comments: list[dict[str, Any]] = field(default_factory=list)
    titles: dict[str, str] = field(default_factory=dict)
    questions: list[dict[str, Any]] = field(default_factory=list)  # the most wanted

    def enter(self, hello: dict[str, Any]) -> None:
        """Start over from the snapshot of a hello."""
        self.take_state(hello["state"])
        self.comments = [
            event["d"] for event in hello.get("recent", ()) if event.get("t") == "comment"
        ][-RECENT_COMMENTS_MAX:]

    def take_state(self, state: dict[str, Any]) -> None:
        if "cards" in state:
            self.cards = {card["product_id"]: card for card in state["cards"]}
        if "sales" in state:
            self.sales = dict(state["sales"])
        if "questions" in state:
            self.questions = list(state["questions"]["top"])
        if "lotteries" in state:
            self.lotteries = dict(state["lotteries"])

    def take_event(self, event: dict[str, Any]) -> Spark | None:
        """Fold one event; the spark it strikes, if any."""
        kind, d = event["t"], event["d"]
        if kind == "comment":
            self.comments = [*self.comments[-RECENT_COMMENTS_MAX + 1 :], d]
            return None
        take = _FOLDS.get(kind)
        return take(self, d) if take else None

    def _card_shown(self, d: dict[str, Any]) -> Spark:
        card = d["card"]
        self.cards[card["product_id"]] = card
        self.titles[card["product_id"]] = card["title"]
        return Spark(Mood.CARD, card)

    def _card_hidden(self, d: dict[str, Any]) -> None:
        self.cards.pop(d["product_id"], None)

    def _sale_phase(self, d: dict[str, Any]) -> Spark | None:
        sale = d["sale"]
        before = self.sales.get(sale["sale_id"], {}).get("phase")
        self.sales[sale["sale_id"]] = sale
        moods = {"countdown": Mood.COUNTDOWN, "live": Mood.LIVE}
        mood = moods.get(sale["phase"]) if before != sale["phase"] else None
        return Spark(mood, sale) if mood else None

    def _sold_out(self, d: dict[str, Any]) -> Spark:
        return Spark(Mood.SOLD_OUT, d)

    def _returned(self, d: dict[str, Any]) -> Spark:
        return Spark(Mood.RETURNED, d)

    def _opened(self, d: dict[str, Any]) -> Spark:
        lottery = d["lottery"]
        self.lotteries[lottery["lottery_id"]] = lottery
        return Spark(Mood.LOTTERY, lottery)

    def _closed(self, d: dict[str, Any]) -> Spark | None:
        self.lotteries.pop(d["lottery_id"], None)
        return Spark(Mood.DRAWN, d) if d.get("winners") else None

    def _announced(self, d: dict[str, Any]) -> Spark | None:
        return Spark(Mood.ANNOUNCED, d) if d.get("text") else None

    def _rain(self, d: dict[str, Any]) -> Spark:
        return Spark(Mood.RAIN, d["rain"])

    def _poll(self, d: dict[str, Any]) -> Spark:
        return Spark(Mood.POLL, d["poll"])

    def _gift(self, d: dict[str, Any]) -> Spark:
        return Spark(Mood.GIFT, d["gift"])

    @property
    def open_lottery(self) -> dict[str, Any] | None:
        found = [each for each in self.lotteries.values() if each["state"] == "open"]
        return found[-1] if found else None

    def explained(self) -> dict[str, Any] | None:
        """The card being explained, else the newest one."""
        cards = list(self.cards.values())
        spoken = [card for card in cards if card.get("mode") == "explaining"]
        chosen = spoken or cards
        return chosen[-1] if chosen else None


_FOLDS = {
    "card.shown": Scene._card_shown,
    "card.hidden": Scene._card_hidden,
    "sale.phase": Scene._sale_phase,
    "sale.sold_out": Scene._sold_out,
    "stock.returned": Scene._returned,
    "lottery.opened": Scene._opened,
    "lottery.drawn": Scene._closed,
    "lottery.voided": Scene._closed,
    "announcement": Scene._announced,
    "rain.started": Scene._rain,
    "poll.opened": Scene._poll,
    "gift.opened": Scene._gift,
}
