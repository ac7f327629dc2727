"""The proof of the draw in short: what `make prove-draw` does with more people and more kills."""

from __future__ import annotations

from loadtest.prove_draw import prove, receipt_failures


async def test_a_killed_draw_ends_once_and_every_proof_is_recomputed() -> None:
    result = await prove(seed=7, entrants=200, winners=20, kills=1)
    assert result.failures == []
    assert (result.entrants, result.verified) == (200, 2)


def test_a_receipt_that_is_not_in_the_proof_is_found() -> None:
    proof = {"lottery_id": "l1", "entries": ["a"]}
    assert receipt_failures(proof, {"b": {"index": 0, "running_hash": "00"}})
