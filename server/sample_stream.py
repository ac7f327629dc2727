"""The shipped sample as a live stream: its segments over and over, each with the time it is shown.

Every worker, asked at the same moment, gives the same list: it follows from the clock alone.
"""

from __future__ import annotations

import datetime
from typing import Final

SEGMENTS: Final = tuple(f"live{number}.ts" for number in range(6))
SEGMENT_MS: Final = 4_000
WINDOW: Final = 4  # segments in the list, the newest having just ended


def playlist(now_ms: int) -> str:
    """The media playlist of this moment, with EXT-X-PROGRAM-DATE-TIME by the server's clock."""
    after = now_ms // SEGMENT_MS
    first = after - WINDOW
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:6",
        f"#EXT-X-TARGETDURATION:{SEGMENT_MS // 1_000}",
        f"#EXT-X-MEDIA-SEQUENCE:{first}",
        f"#EXT-X-DISCONTINUITY-SEQUENCE:{(first - 1) // len(SEGMENTS) + 1}",
    ]
    for number in range(first, after):
        if number % len(SEGMENTS) == 0:
            lines.append("#EXT-X-DISCONTINUITY")  # the sample begins again, and so do its clocks
        shown = datetime.datetime.fromtimestamp(number * SEGMENT_MS / 1_000, datetime.UTC)
        stamp = shown.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{stamp}")
        lines.append(f"#EXTINF:{SEGMENT_MS / 1_000:.3f},")
        lines.append(SEGMENTS[number % len(SEGMENTS)])
    return "\n".join(lines) + "\n"
