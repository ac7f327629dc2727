"""The sample as a live stream: a sliding list with the time of every segment."""

from __future__ import annotations

import re

from server.api.pages import PAGES
from server.sample_stream import SEGMENT_MS, SEGMENTS, WINDOW, playlist

NOW_MS = 1_790_000_002_500


def field(text: str, name: str) -> int:
    found = re.search(rf"#EXT-X-{name}:(\d+)", text)
    assert found is not None
    return int(found.group(1))


def test_each_segment_has_the_time_it_is_shown() -> None:
    text = playlist(NOW_MS)
    names = [line for line in text.splitlines() if line.endswith(".ts")]
    times = re.findall(r"PROGRAM-DATE-TIME:(\S+)Z", text)
    assert len(names) == len(times) == WINDOW
    assert times == sorted(times)
    last_ms = (NOW_MS // SEGMENT_MS - 1) * SEGMENT_MS
    assert times[-1] == "2026-09-21T14:13:16.000"
    assert last_ms + SEGMENT_MS <= NOW_MS  # nothing is listed before it was shown
    assert all((PAGES / "sample" / name).exists() for name in SEGMENTS)


def test_the_list_slides_and_counts_its_beginnings() -> None:
    """A discontinuity that slides out is in the count from then on, and only then."""
    for number in range(2 * len(SEGMENTS)):
        now, then = (playlist(NOW_MS + (number + k) * SEGMENT_MS) for k in (0, 1))
        assert field(then, "MEDIA-SEQUENCE") == field(now, "MEDIA-SEQUENCE") + 1
        head = now.split(".ts")[0]  # what belongs to the segment that slides out
        gone = "#EXT-X-DISCONTINUITY\n" in head
        counted = field(then, "DISCONTINUITY-SEQUENCE") - field(now, "DISCONTINUITY-SEQUENCE")
        assert counted == int(gone)
