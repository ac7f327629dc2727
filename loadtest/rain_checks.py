"""Judges a red-packet rain by what people were answered and by its public proof.

Recomputed from the words of the protocol alone, with none of the server's code.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from loadtest.checks import Failure


class Grab(NamedTuple):
    """One answered `rain.grab`: a packet, or the code of a refusal."""

    user_id: str
    key: str
    place: int | None  # among the claims, from 0; None for a refusal
    amount_cents: int
    refused: str = ""


def rain_failures(
    proof: Mapping[str, Any], grabs: Sequence[Grab], *, started: Mapping[str, Any]
) -> list[Failure]:
    """Everything that is not as it must be. `started` is the host's answer and asking."""
    who = str(proof["rain_id"])
    failures: list[Failure] = []

    def require(ok: bool, kind: str, detail: str) -> None:  # noqa: FBT001 - the one thing it asks
        if not ok:
            failures.append(Failure(kind, who, detail))

    amounts, claims = list(proof["amounts"]), list(proof["claims"])
    text = f"{who}:{proof['seed']}:{','.join(map(str, amounts))}"
    hashed = hashlib.sha256(text.encode()).hexdigest()
    require(proof["state"] == "ended", "rain_not_ended", str(proof["state"]))
    require(hashed == started["amounts_hash"] == proof["amounts_hash"], "hash_broken", hashed)
    require(sum(amounts) == started["total_cents"], "cents_inexact", str(sum(amounts)))
    require(len(amounts) == started["count"], "packets_inexact", str(len(amounts)))
    require(min(amounts) >= 1, "packet_empty", str(min(amounts)))
    places = [claim["index"] for claim in claims]
    require(places == list(range(len(claims))), "claims_out_of_order", str(places[:20]))
    wrong = [claim for claim in claims if amounts[claim["index"]] != claim["amount_cents"]]
    require(not wrong, "amount_swapped", str(wrong[:3]))
    claimed = sum(claim["amount_cents"] for claim in claims)
    total = proof["claimed_cents"] + proof["returned_cents"]
    require(claimed == proof["claimed_cents"], "claims_inexact", str(claimed))
    require(total == started["total_cents"], "remainder_inexact", str(total))
    each = Counter(claim["user_id"] for claim in claims)
    greedy = {user: n for user, n in each.items() if n > started["per_user"]}
    require(not greedy, "too_many_each", str(greedy))
    return failures + _answer_failures(who, claims, grabs)


def _answer_failures(
    who: str, claims: Sequence[Mapping[str, Any]], grabs: Sequence[Grab]
) -> list[Failure]:
    """What people were told against what is published, and each repeat against the first."""
    failures = []
    told: dict[tuple[str, str], set[tuple[int | None, int]]] = {}
    for grab in grabs:
        if grab.place is not None:
            told.setdefault((grab.user_id, grab.key), set()).add((grab.place, grab.amount_cents))
    for (user_id, key), answers in told.items():
        if len(answers) > 1:
            failures.append(Failure("repeat_differs", who, f"{user_id} {key}: {answers}"))
    published = {(c["user_id"], c["index"], c["amount_cents"]) for c in claims}
    answered = {
        (user_id, index, cents)
        for (user_id, _), answers in told.items()
        for index, cents in answers
    }
    if published != answered:
        missing, extra = answered - published, published - answered
        detail = f"told, not published {len(missing)}; published, not told {len(extra)}"
        failures.append(Failure("ledger_differs", who, detail))
    return failures
