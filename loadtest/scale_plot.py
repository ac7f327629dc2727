"""The cost curves as one SVG that stands alone: both axes logarithmic, a straight line is a power.

Knows rows only. A dashed line through the first point shows growth in proportion.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

from loadtest.plots import short

WIDTH, HEIGHT, COLUMNS = 420, 250, 2
LEFT, RIGHT, TOP, BOTTOM = 58, 16, 34, 38
COLOURS = ("#d6336c", "#4c6ef5", "#2b8a3e")
STYLE = (
    "text{font:12px sans-serif;fill:#212529}.title{font-weight:bold}"
    ".small{font-size:11px;fill:#868e96}.grid{stroke:#e9ecef}"
    ".same{stroke:#adb5bd;stroke-dasharray:4 4;fill:none}"
)


Place = Callable[[float, float], tuple[float, float]]


class Curve(NamedTuple):
    name: str
    points: Sequence[tuple[float, float]]


class Panel(NamedTuple):
    title: str
    across: str
    curves: Sequence[Curve]


def panels(rows: Sequence[Mapping[str, Any]]) -> list[Panel]:
    """CPU against each thing that grows."""
    titles = {
        "viewers": ("50 comments/s, two workers", "viewers"),
        "comments": ("1,000 viewers, one worker", "comments/s"),
        "rooms": ("1,000 viewers, 50 comments/s over all", "rooms"),
        "quiet rooms": ("1,000 viewers who say nothing", "rooms"),
        "workers": ("1,000 viewers, 300 comments/s", "workers"),
    }
    found = []
    for curve, (title, across) in titles.items():
        drawn = [row for row in rows if row["curve"] == curve]
        if drawn:
            curves = [
                Curve(name, [(row["x"], row["cpu_share"].get(key, 0.0)) for row in drawn])
                for name, key in (("workers and Redis", "all"), ("Redis", "redis"))
            ]
            found.append(Panel(f"CPU seconds a second: {title}", across, curves))
    return found


def svg(drawn: Sequence[Panel], *, caption: str) -> str:
    """All panels, two in a row."""
    lines = -(-len(drawn) // COLUMNS)
    parts = [
        f'<g transform="translate({index % COLUMNS * WIDTH},{index // COLUMNS * HEIGHT})">'
        f"{_panel(panel)}</g>"
        for index, panel in enumerate(drawn)
    ]
    height = lines * HEIGHT + 26
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH * COLUMNS}" height="{height}">'
        f'<style>{STYLE}</style><rect width="100%" height="100%" fill="white"/>{"".join(parts)}'
        f'<text x="10" y="{height - 8}" class="small">{escape(caption)}</text></svg>\n'
    )


def _panel(panel: Panel) -> str:
    drawn = [(x, y) for curve in panel.curves for x, y in curve.points if x > 0 and y > 0]
    parts = [f'<text x="10" y="20" class="title">{escape(panel.title)}</text>']
    if not drawn:
        return parts[0]
    xs, ys = _decades(x for x, _ in drawn), _decades(y for _, y in drawn)

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            LEFT + _share(x, xs) * (WIDTH - LEFT - RIGHT),
            TOP + (1 - _share(y, ys)) * (HEIGHT - TOP - BOTTOM),
        )

    for power in range(xs[0], xs[1] + 1):
        x, y = at(10.0**power, 10.0 ** ys[0])
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{y:.1f}"/>')
        parts.append(
            f'<text x="{x:.1f}" y="{y + 16:.1f}" text-anchor="middle">{short(10.0**power)}</text>'
        )
    for power in range(ys[0], ys[1] + 1):
        x, y = at(10.0 ** xs[0], 10.0**power)
        parts.append(
            f'<line class="grid" x1="{x:.1f}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="{x - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{short(10.0**power)}</text>'
        )
    parts.append(
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 6}" text-anchor="end" class="small">'
        f"{escape(panel.across)}</text>"
    )
    parts += _proportional(panel.curves[0], at)
    for number, curve in enumerate(panel.curves):
        parts.append(_curve(curve, number, at))
    return "".join(parts)


def _curve(curve: Curve, number: int, at: Place) -> str:
    places = [at(x, y) for x, y in curve.points if x > 0 and y > 0]
    if not places:
        return ""
    colour = COLOURS[number % len(COLOURS)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places)
    legend = (
        f'<text x="{LEFT + 8}" y="{TOP + 14 + 15 * number}" style="fill:{colour}">'
        f"{escape(curve.name)}</text>"
    )
    return (
        f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{path}"/>{dots}{legend}'
    )


def _proportional(curve: Curve, at: Place) -> list[str]:
    """From the first point on: where the cost would be if it grew as the x axis does."""
    good = [(x, y) for x, y in curve.points if x > 0 and y > 0]
    if len(good) < 2:
        return []
    (x0, y0), (x1, _) = good[0], good[-1]
    (ax, ay), (bx, by) = at(x0, y0), at(x1, y0 * x1 / x0)
    if by < TOP:  # it leaves the picture at the top
        bx, by = ax + (bx - ax) * (ay - TOP) / (ay - by), float(TOP)
    return [f'<line class="same" x1="{ax:.1f}" y1="{ay:.1f}" x2="{bx:.1f}" y2="{by:.1f}"/>']


def _decades(values: Iterable[float]) -> tuple[int, int]:
    logs = [math.log10(value) for value in values]
    low, high = math.floor(min(logs)), math.ceil(max(logs))
    return low, max(high, low + 1)


def _share(value: float, decades: tuple[int, int]) -> float:
    return (math.log10(value) - decades[0]) / (decades[1] - decades[0])
