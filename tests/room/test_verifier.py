"""The stand-alone verifier finds whatever was changed in a proof."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from room import fairness, gifts, packets, rain
from room.handout_ports import Settled
from room.shapes import Claim
from room.verifier import NotAProof, verify
from tests.room.people import NOW_MS

SEED = bytes(range(32))


def a_rain(claimed: int = 4, state: Any = "ended") -> dict[str, Any]:
    spec = rain.spec(total_cents=100, count=5, seconds=10)
    handout = rain.record(spec, room_id="r1", rain_id="x", seed=SEED, now_ms=NOW_MS)
    claims = [Claim(at, f"u{at}", "n", "", handout.amounts[at]) for at in range(claimed)]
    cents = sum(claim.amount_cents for claim in claims)
    return rain.proof(handout, Settled(state, claimed, cents, ""), claims, claimed)


def a_gift() -> dict[str, Any]:
    spec = gifts.spec(title="杯子", quota=3, now_ms=NOW_MS)
    handout = gifts.record(spec, room_id="r1", gift_id="g", now_ms=NOW_MS)
    running, claims = fairness.chain_start("g"), []
    for at in range(3):
        running = fairness.chain_next(running, f"u{at}")
        claims.append(Claim(at, f"u{at}", "n", running_hash=running))
    return gifts.proof(handout, Settled("ended", 3, 0, running), claims, 3)


def bad(proof: dict[str, Any]) -> set[str]:
    return {check.name for check in verify(proof) if not check.ok}


def test_honest_proofs_hold() -> None:
    assert bad(a_rain()) == bad(a_rain(0)) == bad(a_rain(5)) == bad(a_gift()) == set()


def swap_amounts(proof: dict[str, Any]) -> None:
    proof["amounts"][0], proof["amounts"][1] = proof["amounts"][1], proof["amounts"][0]


def favour(proof: dict[str, Any]) -> None:
    """Everything recommitted after the fact, but not as the seed splits it."""
    swap_amounts(proof)
    proof["amounts_hash"] = packets.amounts_hash(SEED, "x", proof["amounts"])
    for claim in proof["claims"]:
        claim["amount_cents"] = proof["amounts"][claim["index"]]


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (swap_amounts, {"hash", "split", "order"}),
        (favour, {"split"}),
        (lambda proof: proof.update(seed="00" * 32), {"hash", "split"}),
        (lambda proof: proof.update(total_cents=101), {"split", "sum", "remainder"}),
        (lambda proof: proof["claims"].pop(0), {"order", "remainder"}),
        (lambda proof: proof["claims"].append(proof["claims"][0]), {"order", "limit", "remainder"}),
        (lambda proof: proof["claims"][0].update(amount_cents=1), {"order", "remainder"}),
        (lambda proof: proof.update(returned_cents=0), {"remainder"}),
    ],
)
def test_a_changed_rain_is_found(spoil: Callable[[Any], None], found: set[str]) -> None:
    proof = a_rain()
    spoil(proof)
    assert bad(proof) == found


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda proof: proof.update(rules=proof["rules"].replace("3", "4")), {"rules"}),
        (lambda proof: proof["claims"].reverse(), {"positions", "chain"}),
        (lambda proof: proof["claims"].pop(), {"chain"}),
        (lambda proof: proof.update(quota=2), {"quota"}),
        (lambda proof: proof["claims"][1].update(user_id="me"), {"chain"}),
    ],
)
def test_a_changed_gift_is_found(spoil: Callable[[Any], None], found: set[str]) -> None:
    proof = a_gift()
    spoil(proof)
    assert bad(proof) == found


@pytest.mark.parametrize("proof", [{}, {"rain_id": "x"}, {"rain_id": "x", "state": "open"}])
def test_what_is_no_proof_is_said_so(proof: dict[str, Any]) -> None:
    with pytest.raises(NotAProof):
        verify(proof)


def test_a_rain_that_was_called_off_may_lack_claims_but_not_double_one() -> None:
    proof = a_rain(4, "void")
    gone = proof["claims"].pop(1)
    proof["claimed_cents"] -= gone["amount_cents"]
    proof["returned_cents"] += gone["amount_cents"]
    assert bad(proof) == set()
    proof["claims"].append(dict(proof["claims"][0], user_id="other"))
    assert "order" in bad(proof)
