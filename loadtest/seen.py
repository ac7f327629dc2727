"""What one process' users saw of a run, small enough to be sent, and the judgement over all.

Pure: no locust, no sockets. A user's history is judged where it was made when the user stops, and
thrown away; what only all processes together can tell (the same events for everyone, purchases
against the stock, winners against entries) travels as plain lists and is judged once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from loadtest.checks import (
    Failure,
    RoomRecord,
    critical_failures,
    examples,
    reply_failures,
    winner_failures,
)
from loadtest.history import History, Joined, Saw
from loadtest.promises import Verdict, verdicts
from loadtest.sale_checks import Purchase, audit_failures, purchase_failures

SENT_EXAMPLES_MAX = 50  # failures of one process told in words; all are counted
COUNTS = ("users", "returns", "events", "comments", "commands", "open_buys", "open_entries")


class Seen:
    """Collects over a run. Begin a new one for every run."""

    def __init__(self) -> None:
        self.users = 0
        self.returns = 0  # connections that resumed an earlier one
        self.events = 0
        self.comments = 0
        self.commands = 0
        self.open_buys = 0  # asked, and never answered: they may hold a unit
        self.open_entries = 0
        self.purchases: list[Purchase] = []
        self.entrants: list[str] = []
        self._room = RoomRecord()
        self._failures: list[Failure] = []
        self._broken: Counter[str] = Counter()

    def take(self, history: History, *, doubled: int = 0) -> None:
        """Judge a user that has stopped. `doubled` counts comments it was shown twice."""
        self.users += 1
        self.events += sum(isinstance(record, Saw) for record in history.records)
        self.returns += sum(
            isinstance(record, Joined) and record.resumed is not None for record in history.records
        )
        self.commands += len(history.asked)
        failures = critical_failures([history], room=self._room)
        failures += reply_failures([history])
        if doubled:
            failures.append(Failure("comment_doubled", history.client, f"{doubled} comments"))
        self._broken.update(failure.kind for failure in failures)
        self._failures += failures[: SENT_EXAMPLES_MAX - len(self._failures)]

    def document(self) -> dict[str, Any]:
        """All of it as lists and numbers, for a message to the process that judges."""
        return {
            **{name: getattr(self, name) for name in COUNTS},
            "purchases": [
                [each.user_id, each.key, each.sku_id, each.qty, each.reservation_id, each.code]
                for each in self.purchases
            ],
            "entrants": self.entrants,
            "room": [[epoch, *event] for epoch, event in self._room.events()],
            "broken": dict(self._broken),
            "failures": [list(failure) for failure in self._failures],
        }


class Sold(NamedTuple):
    """What the server says of the sale at the end, and what it was given."""

    sku_id: str
    stock: int
    audit: Mapping[str, Any]
    audits: int  # looks before this one
    failures: Sequence[Failure] = ()  # of those looks


class Judgement(NamedTuple):
    """The end of a run. `told` are examples; `broken` counts all."""

    verdicts: list[Verdict]
    broken: dict[str, int]
    told: list[Failure]
    totals: dict[str, int]
    bought: int  # reservations told to buyers


def judge(
    processes: Mapping[str, Mapping[str, Any]],
    *,
    sold: Sold,
    draw: Mapping[str, Any] | None,
    winners: int,
    missing: Sequence[str] = (),
) -> Judgement:
    """Judge the documents of all processes together. `missing` ones handed nothing over."""
    totals = {name: sum(int(each[name]) for each in processes.values()) for name in COUNTS}
    purchases = [_purchase(row) for each in processes.values() for row in each["purchases"]]
    entrants = [user for each in processes.values() for user in each["entrants"]]
    failures = [Failure("process_missing", name, "handed nothing over") for name in missing]
    failures += _differing(processes)
    failures += _sale_failures(purchases, totals["open_buys"], sold)
    if draw is not None:
        known = None if totals["open_entries"] else entrants
        failures += winner_failures(draw, joined=known, winners_count=winners)
    broken = Counter(failure.kind for failure in failures)
    for each in processes.values():
        broken.update(each["broken"])
        failures += [Failure(*row) for row in each["failures"]]
    looked = _looked_at(totals, purchases, sold, len(processes))
    if draw is not None:
        looked["winners"] = f"{len(draw['winners'])} winners of {len(set(entrants)):,} entries"
    return Judgement(
        verdicts=verdicts(looked, broken),
        broken=dict(sorted(broken.items())),
        told=examples(failures),
        totals=totals,
        bought=len({each.reservation_id for each in purchases if each.held}),
    )


def _purchase(row: Sequence[Any]) -> Purchase:
    user_id, key, sku_id, qty, reservation_id, code = row
    return Purchase(user_id, key, sku_id, qty, reservation_id, code=code)


def _differing(processes: Mapping[str, Mapping[str, Any]]) -> list[Failure]:
    """Events that users of two processes saw differently at the same place."""
    room = RoomRecord()
    return [
        Failure("differing", name, f"{epoch}/{seq} is {kind} here")
        for name, each in processes.items()
        for epoch, seq, kind, digest in each["room"]
        if room.differs(epoch, Saw(seq, kind, digest))
    ]


def _sale_failures(purchases: Sequence[Purchase], still_open: int, sold: Sold) -> list[Failure]:
    """Purchases of all processes against the stock and the audit.

    A buyer stopped between question and answer may hold a unit that nobody told us of: so many, and
    no more, may the audit have more than we know.
    """
    answered = {each.user_id for each in purchases}
    failures = purchase_failures(
        purchases,
        stock={sold.sku_id: sold.stock},
        per_user=1,
        demand={sold.sku_id: max(0, len(answered) - still_open)},
    )
    failures += [*sold.failures, *audit_failures(sold.audit)]
    known = len({each.reservation_id for each in purchases if each.held})
    taken = sum(
        sku["held"] + sku["sold"]
        for sale in sold.audit.get("sales", ())
        for sku in sale["skus"]
        if sku["sku_id"] == sold.sku_id
    )
    if not known <= taken <= known + still_open:
        detail = f"{taken} taken, {known} told to buyers, {still_open} unanswered"
        failures.append(Failure("audit_differs", sold.sku_id, detail))
    return failures


def _looked_at(
    totals: Mapping[str, int], purchases: Sequence[Purchase], sold: Sold, processes: int
) -> dict[str, str]:
    of = "one process" if processes == 1 else f"{processes} processes"
    events = f"{totals['events']:,} events at {totals['users']:,} users of {of}"
    looked = {"lost": f"{events}, {totals['returns']:,} returns",
              "order": events, "same": events,
              "doubled": f"{events}, {totals['comments']:,} comments shown",
              "replies": f"{totals['commands']:,} commands",
              "conservation": f"{sold.audits + 1:,} audits"}  # fmt: skip
    if purchases:
        looked["stock"] = f"{len(purchases):,} answers, {sold.stock:,} units"
    return looked
