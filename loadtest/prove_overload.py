"""Find the most a room can bear, then give it three times as much. `make prove-overload`.

    python -m loadtest.prove_overload [--viewers 500] [--seconds 15] [--workers 1] [--json FILE]

Meanwhile critical events and reservations go on. None of the former may be lost, and both must stay
quick; memory must stay bounded; and soon after it is over the room must be as it was. Exit status 1
when something of this is not so.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from loadtest.flood import document as flood_document
from loadtest.overload import (
    TIMES,
    OverloadPlan,
    OverloadResult,
    back_s,
    judge,
    offered_share,
    run_overload,
)
from loadtest.own_server import OwnServer
from loadtest.proving import broken, conclude, on_own_server, options
from loadtest.report import print_latencies, print_table, provenance

RUN_S_MAX = 560.0  # a machine that needs longer has nothing to measure


def document(result: OverloadResult) -> dict[str, Any]:
    """Everything about the run, for the JSON file."""
    hard = result.overload
    assert hard is not None
    memory = result.memory
    return {
        **provenance(seed=result.plan.seed),
        "load_average": list(hard.load_average),
        "viewers": result.plan.viewers,
        "stable_per_s": result.stable_per_s,
        "overload_per_s": result.stable_per_s * TIMES,
        "tried": result.tried,
        "overload": flood_document(hard),
        "offered_share": round(offered_share(hard), 3),
        "generator_share": round(result.generator_share, 2),
        "back_s": round(back_s(hard), 2),
        "rss_mb": {
            "before": round(memory.before, 1),
            "peak": round(memory.peak, 1),
            "after": round(memory.after, 1),
        },
        "calm_critical_ms": [each.critical.summary_ms() for each in result.calm],
        **broken(result.failures),
    }


def show(found: Mapping[str, Any], console: Console) -> None:
    overload = found["overload"]
    rows: list[list[object]] = [[f"{per_s:g} comments/s", why] for per_s, why in found["tried"]]
    rows += [
        ["highest stable, comments/s", found["stable_per_s"]],
        ["offered, comments/s", found["overload_per_s"]],
        ["offered in time", found["offered_share"]],
        ["generator, of a core", found["generator_share"]],
        ["accepted, comments/s", overload["said_per_s"]],
        ["refused", overload["refused"]],
        ["reserving, p50 over the quiet room's", overload["reserve_ratio_p50"]],
        ["all answered after, s", found["back_s"]],
        *([f"memory {when}, MB", mb] for when, mb in found["rss_mb"].items()),
    ]
    print_table(f"Overload, {found['viewers']} viewers", ["", "figure"], rows, console=console)
    before, after = found["calm_critical_ms"]
    latencies = {**overload["latency_ms"], "critical, calm before": before}
    print_latencies("Latency", {**latencies, "critical, calm after": after}, console=console)


def main() -> int:
    parser = options("prove_overload", viewers=500, seconds=15)
    parser.add_argument("--from", dest="from_per_s", type=float, default=250, help="comments/s")
    parser.add_argument("--step", type=float, default=4, help="seconds of each attempt before")
    given = parser.parse_args()
    plan = OverloadPlan(
        given.viewers,
        given.from_per_s,
        step_s=given.step,
        seconds=given.seconds,
        seed=given.seed,
    )

    async def run(server: OwnServer) -> OverloadResult:
        return await run_overload(server, plan)

    result = on_own_server(run, workers=given.workers, run_s_max=RUN_S_MAX)
    result.failures += judge(result)
    held = "nothing critical was lost or late, and the room is as it was"
    return conclude(document(result), show, held=held, json_path=given.json)


if __name__ == "__main__":
    sys.exit(main())
