"""What a listening viewer hears, as lines of a recording. Pure: messages and times in, lines out.

Knows the wire's shapes and forgets who people are: ids become numbers, names in calls ("@name")
are left out, and nothing else of a person is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loadtest.recording import (
    PEOPLE_MAX,
    SKUS_MAX,
    Announced,
    CardHidden,
    CardShown,
    Commented,
    Entered,
    Happening,
    Liked,
    LotteryDrawn,
    LotteryOpened,
    Online,
    SaleEnded,
    SaleStarted,
    Sku,
    Sold,
)

SOMEONE, MASK = "@someone", "·"
NAME_CHARS_MAX = 64  # of a call that is looked for
TEXT_CHARS_MAX = 2000
LOTTERY_WINNERS_MAX = 1000
STARTED = ("countdown", "live", "sold_out")  # of a sale that is on, or soon


class Recorder:
    """One room. `greet` first, then `hear` every message."""

    def __init__(self, *, keep_text: bool = True) -> None:
        self.missed = 0  # comments told as dropped or folded
        self._keep_text = keep_text
        self._people: dict[str, int] = {}
        self._names: set[str] = set()  # to be left out of calls
        self._labels: dict[tuple[str, str], str] = {}
        self._sales_on: set[str] = set()
        self._left: dict[str, int] = {}
        self._sale_of: dict[str, str] = {}
        self._entries: dict[str, int] = {}
        self._online = self._likes = -1

    def greet(self, state: Mapping[str, Any], at_ms: int, server_ms: int) -> list[Happening]:
        """What stands in the room already, as if it happened now."""
        found: list[Happening] = []
        for sku_id, level in (state.get("stock") or {}).items():
            self._left[sku_id] = int(level["left"])  # what went before is no part of this
        cards = state.get("cards") or []
        for card in cards.values() if isinstance(cards, dict) else cards:
            found.append(self._card(card, at_ms))
        for sale in _items(state.get("sales")):
            found += self._sale(sale, at_ms, server_ms)
        for lottery in _items(state.get("lotteries")):
            if lottery["state"] == "open":
                found.append(self._lottery(lottery, at_ms))
        self._likes = int(state.get("likes", 0))
        found += self._levels(state, at_ms)
        return found

    def hear(self, body: Mapping[str, Any], at_ms: int) -> list[Happening]:
        """The lines of one frame."""
        found: list[Happening] = []
        for event in body.get("ev", ()):
            found += self._event(event, at_ms)
        found += self._levels(body.get("st", {}), at_ms)
        self.missed += body.get("drop", {}).get("comment", 0)
        self.missed += body.get("fold", {}).get("comment", 0)
        return found

    def _event(self, event: Mapping[str, Any], at_ms: int) -> Iterator[Happening]:
        detail = event["d"]
        match event["t"]:
            case "comment":
                yield self._comment(detail, at_ms)
            case "card.shown":
                yield self._card(detail["card"], at_ms)
            case "card.hidden" if ("item", detail["product_id"]) in self._labels:
                yield CardHidden(at_ms, product=self._label("item", detail["product_id"]))
            case "announcement" if detail["text"]:
                yield Announced(at_ms, text=detail["text"][:TEXT_CHARS_MAX])
            case "sale.phase":
                yield from self._sale(detail["sale"], at_ms, int(event["ts"]))
            case "lottery.opened":
                yield self._lottery(detail["lottery"], at_ms)
            case "lottery.drawn" if detail["lottery_id"] in self._entries:
                yield LotteryDrawn(at_ms, lottery=self._label("draw", detail["lottery_id"]))
            case _:
                pass

    def _label(self, kind: str, given: str) -> str:
        count = sum(1 for each, _ in self._labels if each == kind)
        return self._labels.setdefault((kind, given), f"{kind}-{count + 1}")

    def _person(self, user: Mapping[str, Any]) -> int:
        number = self._people.setdefault(str(user["id"]), len(self._people) + 1)
        self._names.add(str(user["name"]))
        return min(number, PEOPLE_MAX)

    def _comment(self, detail: Mapping[str, Any], at_ms: int) -> Commented:
        who = self._person(detail["user"])
        text = str(detail["text"])[:TEXT_CHARS_MAX] or " "
        return Commented(at_ms, who=who, text=self._words(text))

    def _words(self, text: str) -> str:
        """Without names. Where a call of somebody unknown ends cannot be seen: no word after it
        is kept, an address of mail neither."""
        if not self._keep_text:
            return MASK * len(text)
        before, at, rest = text.partition("@")
        found = before
        while at:
            length = self._name_length(rest)
            if not length:
                return f"{found}{SOMEONE}{MASK * len(rest)}"[:TEXT_CHARS_MAX]
            before, at, rest = rest[length:].partition("@")
            found += SOMEONE + before
        return found[:TEXT_CHARS_MAX]

    def _name_length(self, text: str) -> int:
        """Of the longest known name that `text` begins with, as a whole; 0 for none."""
        for length in range(min(NAME_CHARS_MAX, len(text)), 0, -1):
            if text[:length] in self._names and not text[length : length + 1].isalnum():
                return length
        return 0

    def _card(self, card: Mapping[str, Any], at_ms: int) -> CardShown:
        return CardShown(
            at_ms,
            product=self._label("item", card["product_id"]),
            title=card["title"][:200],
            price_cents=card["price_cents"],
            list_cents=card["list_cents"],
            mode=card["mode"],
        )

    def _sale(self, sale: Mapping[str, Any], at_ms: int, now_ms: int) -> Iterator[Happening]:
        sale_id, phase = sale["sale_id"], sale["phase"]
        label = self._label("sale", sale_id)
        if phase in STARTED and sale_id not in self._sales_on:
            self._sales_on.add(sale_id)
            for number, sku in enumerate(sale["skus"], 1):
                self._labels["sku", sku["sku_id"]] = f"sku-{number}"
                self._sale_of[sku["sku_id"]] = label
                self._left.setdefault(sku["sku_id"], sku["stock"])
            skus = tuple(
                Sku(self._labels["sku", sku["sku_id"]], sku["stock"], sku["list_cents"],
                    sku["sale_cents"], sku["per_user"])
                for sku in sale["skus"][:SKUS_MAX]
            )  # fmt: skip
            until_ms = min(max(0, int(sale["start_ms"] or now_ms) - now_ms), 3_600_000)
            yield SaleStarted(at_ms, sale=label, countdown_ms=until_ms, skus=skus)
        elif phase == "ended" and sale_id in self._sales_on:
            self._sales_on.discard(sale_id)
            yield SaleEnded(at_ms, sale=label)

    def _lottery(self, lottery: Mapping[str, Any], at_ms: int) -> LotteryOpened:
        self._entries[lottery["lottery_id"]] = 0
        winners = min(int(lottery["winners_count"]), LOTTERY_WINNERS_MAX)
        return LotteryOpened(
            at_ms, lottery=self._label("draw", lottery["lottery_id"]), winners=winners
        )

    def _levels(self, state: Mapping[str, Any], at_ms: int) -> Iterator[Happening]:
        online = state.get("online", self._online)
        if online != self._online:
            self._online = online
            yield Online(at_ms, viewers=online)
        likes = state.get("likes", self._likes)
        if likes > self._likes:
            yield Liked(at_ms, taps=likes - self._likes)
        self._likes = likes
        for sku_id, level in (state.get("stock") or {}).items():
            yield from self._stock(sku_id, int(level["left"]), at_ms)
        for lottery in _items(state.get("lotteries")):
            yield from self._entered(lottery, at_ms)

    def _stock(self, sku_id: str, left: int, at_ms: int) -> Iterator[Happening]:
        """Units that went; what came back is not an act of anyone who could be replayed."""
        before = self._left.get(sku_id, left)
        self._left[sku_id] = left
        if left < before and sku_id in self._sale_of:
            label = self._labels["sku", sku_id]
            yield Sold(at_ms, sale=self._sale_of[sku_id], sku=label, units=before - left)

    def _entered(self, lottery: Mapping[str, Any], at_ms: int) -> Iterator[Happening]:
        lottery_id = lottery["lottery_id"]
        before = self._entries.get(lottery_id)
        count = int(lottery.get("entries_count", 0))
        if before is not None and count > before and lottery["state"] == "open":
            self._entries[lottery_id] = count
            yield Entered(at_ms, lottery=self._label("draw", lottery_id), people=count - before)


def _items(part: Any) -> list[Mapping[str, Any]]:  # noqa: ANN401 (a part of the state)
    """A part's items, which stand by their id."""
    return list((part or {}).values())
