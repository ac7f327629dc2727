"""Judges a flash sale by what buyers were told, by their orders and by the public audit.

Pure: answers and documents in, failures out. Delivery of events is judged in checks.py.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from loadtest.checks import DETAILS_MAX, Failure

HOLDING = frozenset({"held", "placed", "paid"})  # order states that keep their units


@dataclass(frozen=True, slots=True)
class Purchase:
    """One answer to `sale.buy`. `reservation_id` is empty for a refusal, `code` for a hold."""

    user_id: str
    key: str
    sku_id: str
    qty: int
    reservation_id: str = ""
    order_id: str = ""
    code: str = ""
    answer: bytes = b""  # a hold as it was told

    @property
    def held(self) -> bool:
        return bool(self.reservation_id)


class Lost(NamedTuple):
    """What a destroyed piece of Redis' log provably took along, and SQL did not have yet."""

    reservations: Set[str] = frozenset()
    keys: Set[tuple[str, str]] = frozenset()  # user id and key


NOTHING_LOST = Lost()


def purchase_failures(
    answers: Sequence[Purchase],
    *,
    stock: Mapping[str, int],
    per_user: int,
    demand: Mapping[str, int],
    lost: Lost = NOTHING_LOST,
) -> list[Failure]:
    """Oversold, undersold, per-person limit passed, one reservation for two, key answered twice.

    `stock` and `demand` are units by SKU over the whole run, all answers included, nothing
    returned in between. Repeats of an answer under the same key count once.
    """
    failures = [*_reservation_failures(answers), *_key_failures(answers, lost)]
    sold: Counter[str] = Counter()
    by_user: Counter[tuple[str, str]] = Counter()
    kept = [answer for answer in answers if answer.reservation_id not in lost.reservations]
    for answer in {answer.reservation_id: answer for answer in kept if answer.held}.values():
        sold[answer.sku_id] += answer.qty
        by_user[answer.user_id, answer.sku_id] += answer.qty
    for sku_id, units in stock.items():
        due = min(units, demand.get(sku_id, 0))
        if sold[sku_id] > units:
            failures.append(Failure("oversold", sku_id, f"{sold[sku_id]} held of {units}"))
        elif sold[sku_id] < due:
            failures.append(Failure("undersold", sku_id, f"{sold[sku_id]} held, {due} due"))
    for (user_id, sku_id), units in by_user.items():
        if units > per_user:
            failures.append(Failure("limit_passed", user_id, f"{units} of {sku_id}"))
    return failures


def _reservation_failures(answers: Iterable[Purchase]) -> list[Failure]:
    """At the limit a person is given the hold they have again, under any key; never another's."""
    owners: dict[str, set[str]] = defaultdict(set)
    for answer in answers:
        if answer.held:
            owners[answer.reservation_id].add(answer.user_id)
    return [
        Failure("reservation_shared", reservation, str(sorted(owned)))
        for reservation, owned in owners.items()
        if len(owned) > 1
    ]


def _key_failures(answers: Iterable[Purchase], lost: Lost) -> list[Failure]:
    given: dict[tuple[str, str], dict[str, set[bytes]]] = defaultdict(lambda: defaultdict(set))
    for answer in answers:
        if answer.held and answer.reservation_id not in lost.reservations:
            given[answer.user_id, answer.key][answer.reservation_id].add(answer.answer)
    failures = []
    for (user_id, key), told in given.items():
        if len(told) > 1 and (user_id, key) not in lost.keys:
            failures.append(Failure("key_answered_twice", user_id, f"{key}: {sorted(told)}"))
        failures += [
            Failure("answer_differs", user_id, f"{key}: {sorted(texts)}")
            for texts in told.values()
            if len(texts) > 1
        ]
    return failures


def one_key_failures(user_id: str, answers: Sequence[bytes], orders: int) -> list[Failure]:
    """One key asked many times at once: equal bytes in every answer, and one order if those tell of
    one. Whoever came too late has none, and is told so each time."""
    failures = []
    wanted = orders_told_of(answers)
    if len(set(answers)) != 1:
        failures.append(Failure("answer_differs", user_id, f"{sorted(set(answers))[:DETAILS_MAX]}"))
    if orders != wanted:
        told = f"{orders} orders for one key, {wanted} told of"
        failures.append(Failure("key_ordered_twice", user_id, told))
    return failures


def orders_told_of(answers: Sequence[bytes]) -> int:
    """How many orders equal requests may have made, by their answers over HTTP: one or none."""
    return int(any("ok" in orjson.loads(answer) for answer in set(answers)))


def audit_failures(audit: Mapping[str, Any]) -> list[Failure]:
    """Conservation per SKU in one answer of GET /v1/rooms/{id}/audit, recomputed here."""
    failures: list[Failure] = []
    for sale in audit.get("sales", ()):
        for sku in sale.get("skus", ()):
            failures.extend(_sku_failures(str(sale["sale_id"]), sku))
    if not audit.get("balanced", False):
        failures.append(Failure("unbalanced", "audit", "the server says so itself"))
    return failures


def _sku_failures(sale_id: str, sku: Mapping[str, Any]) -> list[Failure]:
    who = f"{sale_id}/{sku.get('sku_id')}"
    supply = sku["initial"] + sku["restocked"] - sku["written_off"]
    used = sku["available"] + sku["held"] + sku["sold"]
    failures: list[Failure] = []
    if supply != used:
        failures.append(Failure("unbalanced", who, f"supply {supply}, accounted {used}"))
    if min(sku["available"], sku["held"], sku["sold"]) < 0:
        failures.append(Failure("negative", who, str(dict(sku))))
    if sku["held"] + sku["sold"] > supply:
        failures.append(Failure("oversold", who, f"{sku['held'] + sku['sold']} of {supply}"))
    return failures


def final_stock_failures(
    audit: Mapping[str, Any], *, sale_id: str, taken: Mapping[str, int]
) -> list[Failure]:
    """The audit's held + sold per SKU must be exactly `taken`."""
    found: dict[str, int] = {}
    for sale in audit.get("sales", ()):
        if sale["sale_id"] == sale_id:
            found = {sku["sku_id"]: sku["held"] + sku["sold"] for sku in sale["skus"]}
    return [
        Failure("audit_differs", f"{sale_id}/{sku_id}", f"{found.get(sku_id)} for {units}")
        for sku_id, units in taken.items()
        if found.get(sku_id) != units
    ]


def order_failures(
    acknowledged: Iterable[Purchase],
    orders: Mapping[str, Sequence[Mapping[str, Any]]],
    lost: Lost = NOTHING_LOST,
) -> list[Failure]:
    """Every acknowledged reservation exists once in its buyer's orders, and no other does.

    `orders` are the answers of GET /v1/orders by user id, of this run's sale only.
    """
    failures: list[Failure] = []
    promised: dict[str, str] = {}
    for answer in acknowledged:
        if answer.held and answer.reservation_id not in lost.reservations:
            promised[answer.reservation_id] = answer.user_id
    counts = Counter(order["reservation_id"] for found in orders.values() for order in found)
    for reservation, user_id in promised.items():
        if counts[reservation] != 1:
            kind = "order_missing" if counts[reservation] == 0 else "order_doubled"
            failures.append(Failure(kind, user_id, f"{reservation} × {counts[reservation]}"))
    for user_id, found in orders.items():
        strange = [o["reservation_id"] for o in found if promised.get(o["reservation_id"]) is None]
        if strange:
            failures.append(Failure("order_unasked", user_id, str(strange[:DETAILS_MAX])))
    return failures


def units_held(orders: Iterable[Mapping[str, Any]], sku_id: str) -> int:
    """Units of a SKU that these orders keep."""
    return sum(
        int(line["qty"])
        for order in orders
        if order["status"] in HOLDING
        for line in order["lines"]
        if line["sku_id"] == sku_id
    )


def limit_failures(
    orders: Mapping[str, Sequence[Mapping[str, Any]]], sku_id: str, per_user: int
) -> list[Failure]:
    """Nobody's orders keep more units than one person may have."""
    units = {user_id: units_held(found, sku_id) for user_id, found in orders.items()}
    return [
        Failure("limit_passed", user_id, f"{count} of {sku_id} in orders")
        for user_id, count in units.items()
        if count > per_user
    ]


def vanished_failures(before: Set[str], after: Set[str]) -> list[Failure]:
    """Order ids that SQL had at some moment and has no more."""
    return [Failure("order_vanished", "sql", order_id) for order_id in sorted(before - after)]
