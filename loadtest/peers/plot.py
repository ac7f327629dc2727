"""The benchmark's picture: bars on a logarithmic scale, as SVG made by hand, so nothing is needed.

Knows rows only; what they mean is in goals.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

from loadtest.peers.goals import ALL_PERCENT, OURS

WIDTH, LEFT, RIGHT, LINE, HEAD = 760, 150, 110, 24, 46
OURS_COLOUR, PEER_COLOUR, UNFIT_COLOUR = "#d6336c", "#4c6ef5", "#ced4da"


class Bar(NamedTuple):
    name: str
    value: float
    fit: bool = True  # a refused run is drawn pale
    note: str = ""


class Panel(NamedTuple):
    title: str
    unit: str
    bars: Sequence[Bar]


def panels(rows: Sequence[Mapping[str, Any]], best: Sequence[Mapping[str, Any]]) -> list[Panel]:
    """CPU a delivery of each load, and the highest stable rates."""
    drawn = []
    for load in dict.fromkeys(row["load"] for row in rows):
        bars = [
            Bar(row["server"], row["cpu_s_per_million"]["all"], not row["refused"], _arrived(row))
            for row in rows
            if row["load"] == load
        ]
        drawn.append(Panel(f"{load}: CPU of the server", "s per million deliveries", bars))
    rates = [
        Bar(each["server"], each["deliveries_per_s"], note=f"limit: {each['limited_by']}")
        for each in best
    ]
    if rates:
        drawn.append(Panel("highest stable rate", "deliveries/s", rates))
    return drawn


def _arrived(row: Mapping[str, Any]) -> str:
    share = row["delivered_percent"]
    return "" if share >= ALL_PERCENT else f"{share:.0f} % in time"


def svg(drawn: Sequence[Panel], *, caption: str) -> str:
    """One picture of all panels, one below the other."""
    parts: list[str] = []
    top = 10
    for panel in drawn:
        parts.append(_panel(panel, top))
        top += HEAD + LINE * len(panel.bars) + 12
    parts.append(f'<text x="10" y="{top + 14}" class="small">{escape(caption)}</text>')
    style = (
        "text{font:13px sans-serif;fill:#212529}.title{font-weight:bold}"
        ".small{font-size:11px;fill:#868e96}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top + 26}">'
        f'<style>{style}</style><rect width="100%" height="100%" fill="white"/>'
        f"{''.join(parts)}</svg>\n"
    )


def _panel(panel: Panel, top: int) -> str:
    title = escape(f"{panel.title} ({panel.unit}, logarithmic)")
    parts = [f'<text x="10" y="{top + 18}" class="title">{title}</text>']
    values = [bar.value for bar in panel.bars if bar.value > 0]
    if not values:
        return parts[0]
    low = math.floor(math.log10(min(values)) - 0.05)
    high = math.log10(max(values))
    for index, bar in enumerate(panel.bars):
        y = top + HEAD - 14 + index * LINE
        share = (math.log10(bar.value) - low) / ((high - low) or 1) if bar.value > 0 else 0
        length = max(1.0, share * (WIDTH - LEFT - RIGHT - 130))
        colour = OURS_COLOUR if bar.name == OURS else PEER_COLOUR
        colour = colour if bar.fit else UNFIT_COLOUR
        note = bar.note if bar.fit else "refused: generator saturated"
        parts.append(
            f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end">{escape(bar.name)}</text>'
            f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{LINE - 6}" fill="{colour}"/>'
            f'<text x="{LEFT + length + 6:.1f}" y="{y + 14}">{_number(bar.value)} '
            f'<tspan class="small">{escape(note)}</tspan></text>'
        )
    return "".join(parts)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1_000 else f"{value:.3g}"
