"""Fan-out beside its peers: the sums, the verdicts, the search, and one short real run."""

from __future__ import annotations

import argparse
import io
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from loadtest import bench_fanout
from loadtest.bench_fanout import run
from loadtest.peers.goals import HOT, LIMIT, OURS, QUIET, SINGLE, goals
from loadtest.peers.highest import (
    SEARCH_ATTEMPTS_MAX,
    SEARCH_FROM_PER_S,
    SEARCH_TO_PER_S,
    UNKNOWN_PER_S,
    guess,
    search,
)
from loadtest.peers.load import Load, Readings, row, stable
from loadtest.peers.page import BEGIN, END, put_fanout
from loadtest.peers.plot import panels, svg
from loadtest.peers.programs import Missing
from loadtest.peers.servers import Peer
from loadtest.peers.tables import show
from loadtest.pinning import choose_cores
from loadtest.report import provenance

COUNTED: dict[str, Any] = {
    "published": 1_200, "unsaid": 0, "delivered": 120_000, "received": 100_000, "frames": 25_000,
    "bytes": 20_000_000, "reads": 20_000, "malformed": 0, "lost": 0, "refused": False,
    "cpu_share": 0.4, "waited_share": 0.0,
    "latency": {"count": 3, "largest": 400, "buckets": [[100, 2], [327, 1]]},
    "lateness": {"count": 1, "largest": 50, "buckets": [[50, 1]]},
    "looks": {"count": 1, "largest": 60, "buckets": [[60, 1]]},
}  # fmt: skip


def made(**more: Any) -> dict[str, Any]:
    """A row of 4 s in which 100 viewers got 100,000 comments."""
    readings = Readings({})
    readings.rss_before, readings.rss_after = 10_000 * 1024, 12_000 * 1024
    readings.cpu_s = {"worker": 0.5, "redis": 0.1}
    load = Load(HOT, viewers=100, comments_per_s=300, seconds=4)
    return {**row(OURS, load, COUNTED, readings), **more}


def test_a_row_says_what_a_delivery_a_frame_and_a_viewer_cost() -> None:
    found = made()
    assert found["cpu_s_per_million"] == {"worker": 5.0, "redis": 1.0, "all": 6.0}
    assert found["cpu_us_per_frame"]["all"] == 24.0
    assert found["deliveries_per_s"] == 25_000
    assert found["frames_per_s"] == 6_250
    assert found["comments_per_frame"] == 4
    assert found["bytes_per_comment"] == 200
    assert found["rss_kb_per_viewer"] == 20
    assert found["delivered_percent"] == 100
    assert found["latency_ms"]["max"] == 0.4
    assert not found["starved"]


def test_a_generator_that_did_not_have_its_core_makes_times_worthless() -> None:
    readings = Readings({})
    load = Load(HOT, viewers=100, comments_per_s=300)
    assert row(OURS, load, {**COUNTED, "waited_share": 0.2}, readings)["starved"]
    late = {"count": 1, "largest": 90_000, "buckets": [[2_000, 1]]}
    assert row(OURS, load, {**COUNTED, "lateness": late}, readings)["starved"]
    assert row(OURS, load, {**COUNTED, "looks": late}, readings)["starved"]


def costing(server: str, all_s: float, *, load: str = HOT, **more: Any) -> dict[str, Any]:
    return made(server=server, load=load, cpu_s_per_million={"all": all_s}, **more)


def test_each_goal_compares_with_its_peer_at_the_same_load() -> None:
    rows = [
        costing(OURS, 0.4, deliveries_per_s=600_000),
        costing("uWebSockets", 1.0),
        costing("ws", 3.0),
        costing("nchan", 4.0, refused=True),
        writing(OURS, 4.0),
        writing(LIMIT, 3.0),
        made(server=OURS, load=QUIET, starved=True),
    ]
    uws, ws, nchan, socketio, frames, hot, quiet = goals(rows)
    assert (uws.found, uws.reached) == (0.4, True)
    assert (ws.found, ws.reached) == (0.133, False)
    assert nchan.reached is None
    assert "saturated" in nchan.why
    assert (socketio.reached, socketio.why) == (None, "python-socketio: not measured")
    assert (frames.found, frames.reached) == (0.75, True)
    assert hot.reached
    assert quiet.reached is None


def writing(server: str, us: float, **more: Any) -> dict[str, Any]:
    cost = {"cpu_us_per_frame": {"all": us}, "comments_per_frame": 1.0, "cpu_share": {"all": 0.5}}
    return made(**{"server": server, "load": SINGLE, **cost, **more})


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        ({"comments_per_frame": 1.4}, "joined 1.4 comments a frame"),
        ({"delivered_percent": 97.0}, "delivered 97 % in time"),
        ({"cpu_share": {"all": 0.9}}, "took 90% of its core"),
    ],
)
def test_frames_are_compared_only_where_both_write_the_same_with_time_to_spare(
    spoilt: dict[str, Any], why: str
) -> None:
    """Else one side is spared frames, or measured in its own way."""
    assert goals([writing(OURS, 5.0), writing(LIMIT, 3.0)])[4].reached is False
    for rows in (
        [writing(OURS, 4.0, **spoilt), writing(LIMIT, 3.0)],
        [writing(OURS, 4.0), writing(LIMIT, 3.0, **spoilt)],
    ):
        frames = goals(rows)[4]
        assert (frames.reached, frames.why.partition(": ")[2]) == (None, why)


def test_a_row_without_cpu_is_not_judged() -> None:
    """As when the process that does the work was not found."""
    (uws, *_) = goals([costing(OURS, 0.4), costing("uWebSockets", 0.0)])
    assert (uws.reached, uws.why) == (None, "uWebSockets: no CPU time was seen")


def test_a_peer_that_does_not_start_is_missing_with_what_it_said() -> None:
    peer = Peer("broken", ["sh", "-c", "echo no such module; exit 1"], choose_cores().server)
    with pytest.raises(Missing, match="no such module"):
        peer.__enter__()


def test_a_hot_room_that_delivers_too_little_or_too_late_misses_its_goal() -> None:
    slow = made(deliveries_per_s=600_000, latency_ms={"p99": 101.0})
    few = made(deliveries_per_s=400_000)
    assert [goals([found])[5].reached for found in (slow, few)] == [False, False]


def test_keeping_up_is_all_delivered_soon_to_all() -> None:
    assert stable(made(), p99_ms_max=1)
    assert not stable(made(), p99_ms_max=0.1)
    assert not stable(made(delivered_percent=99.8), p99_ms_max=1)
    assert not stable(made(lost_viewers=1), p99_ms_max=1)


@pytest.mark.parametrize("first", [10.0, 900.0, 60_000.0])
@pytest.mark.parametrize(
    ("holds_to", "refused_from", "limit"),
    [(1_000.0, 1e9, "server"), (1e9, 700.0, "generator"), (1e9, 1e9, "search range")],
)
def test_the_search_finds_the_highest_rate_and_says_what_ended_it(
    holds_to: float, refused_from: float, limit: str, first: float
) -> None:
    def attempt(name: str, load: Load) -> dict[str, Any]:
        rate = load.comments_per_s
        percent = 100 if rate <= holds_to else 50
        refused = rate >= refused_from
        return made(comments_per_s=rate, delivered_percent=percent, refused=refused)

    found = search(OURS, Load("search", 100, 0), attempt, first)
    tried, highest = found["tried"], min(holds_to, refused_from, SEARCH_TO_PER_S)
    assert len(tried) <= SEARCH_ATTEMPTS_MAX + 1
    if len(tried) == SEARCH_ATTEMPTS_MAX:  # too far off to begin with: it says that it gave up
        assert found["limited_by"] == "attempts"
        return
    assert found["limited_by"] == limit
    assert highest / 1.23 <= found["comments_per_s"] <= highest
    assert [one["held"] for one in tried] == [one["comments_per_s"] <= highest for one in tried]


def test_a_server_that_never_keeps_up_has_no_rate() -> None:
    def attempt(name: str, load: Load) -> dict[str, Any]:
        return made(comments_per_s=load.comments_per_s, delivered_percent=10)

    found = search(OURS, Load("search", 100, 0), attempt, SEARCH_FROM_PER_S * 2)
    assert found["deliveries_per_s"] == 0
    assert found["tried"][-1]["comments_per_s"] == SEARCH_FROM_PER_S


def test_the_search_begins_where_the_hot_room_says_the_edge_is() -> None:
    """A server at half of its core could carry twice as much; one that was full, no more."""
    base = Load("search", 1_000, 0)
    half = made(deliveries_per_s=100_000, cpu_share={"all": 0.5})
    full = made(deliveries_per_s=100_000, cpu_share={"all": 1.2})
    assert guess([half], OURS, base) == pytest.approx(2 * guess([full], OURS, base))
    assert guess([full], OURS, base) == pytest.approx(70)
    assert guess([], OURS, base) == UNKNOWN_PER_S


def trial(folder: Path, **more: Any) -> argparse.Namespace:
    asked = {"peers": folder, "loads": QUIET, "seconds": 1.0, "scale": 0.1, "seed": 1}
    return argparse.Namespace(**{**asked, "search": False, "only": [OURS, LIMIT, "ws"], **more})


@pytest.mark.slow
def test_liveroom_and_the_c_loop_deliver_everything_of_a_small_load(tmp_path: Path) -> None:
    console = Console(width=150, file=io.StringIO())
    found = run(trial(tmp_path), console)
    assert [line.partition(":")[0] for line in found["skipped"]] == ["ws", "goals"]
    assert found["goals"] == []  # a trial is not judged
    assert found["broken"] == []
    assert [each["server"] for each in found["rows"]] == [OURS, LIMIT]
    for each in found["rows"]:
        assert each["delivered_percent"] == 100
        assert each["viewers"] == 20
        assert each["malformed"] == each["lost_viewers"] == 0
        assert each["latency_ms"]["count"] == 40
    assert set(found["rows"][0]["cpu_s_per_million"]) == {"worker", "redis", "all"}
    show(found, console)
    told = console.file.getvalue()  # type: ignore[attr-defined]
    assert "skipped: ws: " in told
    assert found["commit"] in told


def test_the_picture_is_valid_and_shows_every_server_and_what_was_refused() -> None:
    rows = [costing(OURS, 0.4), costing("ws <&>", 3.0, refused=True)]
    best = [made(deliveries_per_s=100, limited_by="server")]
    picture = svg(panels(rows, best), caption="commit & machine")
    texts = " ".join(ElementTree.fromstring(picture).itertext())
    for word in (OURS, "ws <&>", "refused", "commit & machine", "highest stable rate"):
        assert word in texts


def test_the_page_tells_every_row_and_no_times_of_a_generator_without_its_core() -> None:
    rows = [made(), made(server="ws", starved=True), made(server="nchan", refused=True)]
    best = [{**made(), "limited_by": "server", "tried": [{"comments_per_s": 75.0, "held": False}]}]
    document = {**provenance(seed=1), "rows": rows, "best": best, "skipped": ["ws: no npm"],
                "broken": [], "load_before": [0.1], "load_after": [0.2]}  # fmt: skip
    text = put_fanout(f"# Page\n{BEGIN}\nold\n{END}\nbelow\n", document)
    lines = {line.split(" | ")[0]: line for line in text.splitlines()}
    assert "old" not in text
    assert "75×" in lines[f"| {OURS}"]  # the last of its lines: the highest rate
    assert " | – | – | " in lines["| ws"]
    assert " | – | – | " in lines["| nchan"]
    assert "REFUSED" in lines["| nchan"]
    for word in (document["commit"], "75×", "Left out: ws: no npm.", "below"):
        assert word in text


def test_the_loads_are_those_of_the_goals() -> None:
    assert {load.name for load in bench_fanout.LOADS} == {HOT, SINGLE, QUIET}
    hot = next(load for load in bench_fanout.LOADS if load.name == HOT)
    assert hot.offered_per_s >= 500_000
