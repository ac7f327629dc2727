"""Short versions of `make prove-faults` and `prove-frozen`: real processes hurt while they sell."""

from __future__ import annotations

import pytest

from loadtest.own_server import OwnServer
from loadtest.prove_faults import run_faults
from loadtest.prove_frozen import run_frozen


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "seed"), [("redis_cut", 105), ("one_key", 2)])
async def test_a_sell_out_under_a_fault_is_exact(kind: str, seed: int) -> None:
    """The log's end destroyed; one key a hundred times at once through a restart of Redis."""
    async with OwnServer(workers=2) as server:
        result = await run_faults(server, seeds=[seed], kind=kind)
    assert result.failures == []
    assert result.audits.answered > 0


@pytest.mark.slow
async def test_a_redis_that_stands_still_keeps_nobody_waiting() -> None:
    async with OwnServer(workers=2) as server:
        result = await run_frozen(server, 2.0, seed=1)
    assert result.failures == []
    assert result.unsure > 0
    assert result.left > 0
