"""The benchmark's generator in C: what it reads, what it counts, and when it refuses."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from loadtest.peers import programs, servers
from loadtest.peers.goals import QUIET
from loadtest.peers.load import Load, LoadFailed, histogram_of, measure
from loadtest.pinning import choose_cores
from loadtest.report import Histogram
from server.wire import Codec, frame

NOW_US = 9_000_000
FROM_US, UNTIL_US = 1_000_000, 10_000_000
Parse = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("programs")


@pytest.fixture(scope="module")
def generator(folder: Path) -> Path:
    return programs.compiled("generator", folder)


@pytest.fixture
def parse(generator: Path) -> Parse:
    def run(data: bytes, *, chunk: int) -> dict[str, Any]:
        command = [generator, "parse", f"chunk={chunk}", f"now_us={NOW_US}"]
        command += [f"from_us={FROM_US}", f"until_us={UNTIL_US}"]
        done = subprocess.run(command, input=data, capture_output=True, check=True)
        return orjson.loads(done.stdout)

    return run


def comment(said_us: int) -> str:
    return f'{{"t":"comment","d":{{"text":"好看 ~at~{said_us:016d}"}}}}'


def text_frame(comments: list[int], *, filling: int = 0) -> bytes:
    joined = ",".join(map(comment, comments))
    return frame(f'{{"ev":[{joined}],"st":"{"x" * filling}"}}'.encode(), Codec.JSON)


@pytest.mark.parametrize("chunk", [3, 64, 4096])
def test_comments_frames_and_bytes_are_counted_however_the_bytes_arrive(
    parse: Parse, chunk: int
) -> None:
    """Short, 16-bit and 64-bit lengths; many comments in one frame; frames without any."""
    pong = bytes((0x8A, 0))
    stream = [
        text_frame([2_000_000]),
        text_frame([2_000_000 + n for n in range(40)]),
        text_frame([3_000_000, 4_000_000], filling=70_000),
        text_frame([3_000_000, 4_000_000], filling=70_000),  # the same bytes, as to another viewer
        pong,
        text_frame([]),
    ]
    found = parse(b"".join(stream), chunk=chunk)
    assert found["delivered"] == found["received"] == 1 + 40 + 2 + 2
    assert (found["frames"], found["all_frames"]) == (4, 5)
    assert found["bytes"] == sum(map(len, stream)) - len(pong)
    assert (found["malformed"], found["unfinished"]) == (0, 0)


def test_only_what_was_said_in_the_measured_time_counts_as_delivered(parse: Parse) -> None:
    found = parse(text_frame([FROM_US - 1, FROM_US, UNTIL_US - 1, UNTIL_US]), chunk=64)
    assert (found["delivered"], found["received"]) == (2, 4)


def test_a_mark_without_a_time_is_told_and_an_unfinished_frame_kept(parse: Parse) -> None:
    broken = frame(b'{"text":"~at~12345"}', Codec.JSON)
    found = parse(broken + text_frame([2_000_000])[:-3], chunk=5)
    assert found["malformed"] == 1
    assert found["delivered"] == 0
    assert found["unfinished"] == len(text_frame([2_000_000])) - 3


def test_the_histogram_is_the_one_of_the_reports(parse: Parse) -> None:
    """The same buckets, so that one place turns them into percentiles."""
    rng = random.Random(1)
    waits = [0, 1, 127, 128, 255, 256, *(int(10 ** rng.uniform(0, 6.9)) for _ in range(2_000))]
    ours = Histogram()
    for wait in waits:
        ours.record(wait)
    stream = b"".join(text_frame([NOW_US - wait]) for wait in waits)
    theirs = histogram_of(parse(stream, chunk=4096)["latency"])
    assert theirs.summary_ms() == ours.summary_ms()
    assert theirs.count == len(waits)


def test_a_run_in_which_the_generator_was_too_busy_is_refused(
    generator: Path, folder: Path
) -> None:
    """With a limit of nothing any run is: the exit status and the row say so."""
    cores = choose_cores()
    with servers.make("C send loop", core=cores.server, folder=folder) as server:
        load = Load(QUIET, 3, 20, seconds=0.3, warmup_s=0.1)
        refused = measure(server, load, generator=generator, core=cores.load, busy_max=0.0)
        fine = measure(server, load, generator=generator, core=cores.load, busy_max=2.0)
    assert refused["refused"]
    assert not fine["refused"]
    for row in (refused, fine):
        assert row["delivered_percent"] == 100
        assert row["comments_per_frame"] == 1
        assert row["latency_ms"]["count"] == 3 * 6
        assert row["malformed"] == row["lost_viewers"] == 0
        assert 0 < row["generator"]["reads_per_s"] <= row["frames_per_s"] + 1


def test_a_server_that_is_not_there_is_no_run(generator: Path) -> None:
    gone = servers.Peer("gone", [], 0)  # never started: nobody listens at its port
    with pytest.raises(LoadFailed, match="connect"):
        measure(gone, Load(QUIET, 1, 1), generator=generator, core=choose_cores().load)
    gone.stop()
