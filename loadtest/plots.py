"""Line charts as SVG text that stands in a page without any script.

Colours and type belong to the page's style sheet; only shapes and numbers are decided here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT = 520, 230
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 12, 30
TICKS = 4  # roughly; the steps are round numbers
COLOURS = 6  # as many as the style sheet has
NINES = (50.0, 90.0, 99.0, 99.9, 99.99)


class Line(NamedTuple):
    """One curve; x ascends."""

    name: str
    points: Sequence[tuple[float, float]]


Scale = Callable[[float], float]


def over_time(lines: Sequence[Line], unit: str) -> str:
    """Values against the seconds of the run."""
    last = max((line.points[-1][0] for line in lines if line.points), default=0.0) or 1.0

    def x(value: float) -> float:
        return value / last

    marks = [(tick, f"{tick:g} s") for tick in round_ticks(last)]
    return _chart(lines, x, marks, unit, lambda at: f"{at:g} s")


def over_percentiles(lines: Sequence[Line], unit: str) -> str:
    """Values against the percentile, each nine as wide as the one before."""
    marks = [(percent, f"{percent:g} %") for percent in NINES]
    return _chart(lines, _nines, marks, unit, lambda at: f"{at:g} %")


def _nines(percent: float) -> float:
    tail = max(1 - percent / 100, 10**-4.3)
    return -math.log10(tail) / 4.3


def round_ticks(largest: float) -> list[float]:
    """From 0 past `largest` in steps of 1, 2 or 5 times a power of ten."""
    if largest <= 0:
        return [0.0, 1.0]
    step = 10.0 ** math.floor(math.log10(largest / TICKS))
    step *= next(each for each in (1, 2, 5, 10) if largest / (step * each) <= TICKS)
    return [round(number * step, 10) for number in range(math.ceil(largest / step) + 1)]


def short(value: float) -> str:
    """Few signs: 1,234 is 1.2k."""
    for size, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{sign}"
    return f"{value:.3g}"


def _chart(
    lines: Sequence[Line],
    x: Scale,
    marks: Sequence[tuple[float, str]],
    unit: str,
    where: Callable[[float], str],
) -> str:
    ticks = round_ticks(max((y for line in lines for _, y in line.points), default=0.0))
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def across(value: float) -> float:
        return LEFT + x(value) * wide

    def down(value: float) -> float:
        return TOP + (1 - value / ticks[-1]) * high

    parts = [*_grid(ticks, down), *_marks(marks, across)]
    for number, line in enumerate(lines):
        parts.append(_curve(line, number, across, down))
    parts += _hits(lines, across, unit, where)
    names = ", ".join(line.name for line in lines)
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(names)}">'
        f"{''.join(parts)}</svg>"
    )


def _grid(ticks: Sequence[float], down: Scale) -> list[str]:
    parts = []
    for tick in ticks:
        y = down(tick)
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        parts.append(f'<text class="end" x="{LEFT - 8}" y="{y + 4:.1f}">{short(tick)}</text>')
    return parts


def _marks(marks: Sequence[tuple[float, str]], across: Scale) -> list[str]:
    y = HEIGHT - BOTTOM + 18
    found = []
    for at, label in marks:
        x = across(at)
        if LEFT - 1 <= x <= WIDTH - RIGHT + 1:
            side = "end" if x > WIDTH - 2 * RIGHT else "middle"
            found.append(f'<text class="{side}" x="{x:.1f}" y="{y}">{escape(label)}</text>')
    return found


def _curve(line: Line, number: int, across: Scale, down: Scale) -> str:
    colour = f"c{number % COLOURS + 1}"
    if len(line.points) == 1:
        x, y = line.points[0]
        return f'<circle class="{colour} dot" cx="{across(x):.1f}" cy="{down(y):.1f}" r="3"/>'
    path = " ".join(f"{across(x):.1f},{down(y):.1f}" for x, y in line.points)
    return f'<polyline class="{colour}" points="{path}"/>'


def _hits(
    lines: Sequence[Line], across: Scale, unit: str, where: Callable[[float], str]
) -> list[str]:
    """A strip for each place on the x axis: pointed at, it shows a line and tells the values."""
    places = sorted({x for line in lines for x, _ in line.points})
    values = [dict(line.points) for line in lines]
    found = []
    for number, place in enumerate(places):
        at = across(place)
        before = across(places[number - 1]) if number else at - 6
        after = across(places[number + 1]) if number + 1 < len(places) else at + 6
        told = [where(place)]
        told += [f"{line.name}: {of[place]:,.6g} {unit}".rstrip()
                 for line, of in zip(lines, values, strict=True) if place in of]  # fmt: skip
        left, right = (before + at) / 2, (at + after) / 2
        found.append(
            f'<g class="hit"><rect x="{left:.1f}" y="{TOP}" width="{max(1.0, right - left):.1f}" '
            f'height="{HEIGHT - TOP - BOTTOM}"/><line x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" '
            f'y2="{HEIGHT - BOTTOM}"/><title>{escape(chr(10).join(told))}</title></g>'
        )
    return found
