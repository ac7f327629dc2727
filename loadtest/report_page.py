"""A run's document as one HTML file that needs nothing else: verdict, figures, plots, provenance.

Shows what the document says and works nothing out; the same page serves every tool whose document
has the keys used here (see outcome.py). All text is escaped: a room's words are anybody's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from loadtest.plots import COLOURS, Line, over_percentiles, over_time
from loadtest.report_style import STYLE

REPLY = " reply"
LINES_MAX = COLOURS  # curves in one plot; more cannot be told apart
Document = Mapping[str, Any]


def write_page(path: str | Path, found: Document) -> None:
    Path(path).write_text(page(found), encoding="utf-8")


def page(found: Document) -> str:
    """The whole file."""
    title = escape(str(found["title"]))
    parts = [
        _head(found, title),
        _saturation(found),
        _tiles(found),
        _verdicts(found),
        f'<div class="pair even">{"".join(_plots(found))}</div>',
        _latencies(found),
        _figures(found),
    ]
    return _whole(title, parts)


def verdict_page(title: str, found: Document) -> str:
    """Only the promises, of a document with `broken`, `verdicts` and `broken_examples`."""
    return _whole(escape(title), [_head_line(found, escape(title), ""), _verdicts(found)])


def _whole(title: str, parts: Sequence[str]) -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def _head(found: Document, title: str) -> str:
    machine = found["machine"]
    where = f"{found['at']} · commit {found['commit']} · {machine['cpu']}, {machine['cores']} cores"
    return _head_line(found, title, where)


def _head_line(found: Document, title: str, where: str) -> str:
    broken = sum(found["broken"].values())
    said = f"{broken:,} broken" if broken else "All promises held"
    tone = "bad" if broken else "good"
    return (
        f'<header><div><h1>{title}</h1><p class="quiet">{escape(where)}</p></div>'
        f'<span class="verdict {tone}">{escape(said)}</span></header>'
    )


def _saturation(found: Document) -> str:
    if not found.get("generator", {}).get("saturated"):
        return ""
    return (
        '<p class="warn">The load generator itself was saturated or starved of CPU: the latencies '
        "below include its own delay.</p>"
    )


def _tiles(found: Document) -> str:
    tiles = "".join(
        f"<div class='tile'><span>{escape(label)}</span><b>{escape(_shown(value))}</b>"
        f"<small>{escape(note)}</small></div>"
        for label, value, note in _headlines(found)
    )
    return f'<section class="tiles">{tiles}</section>'


def _headlines(found: Document) -> list[tuple[str, object, str]]:
    latency = found["latency_ms"]
    comment, critical = latency.get("comment", {}), latency.get("critical", {})
    tiles: list[tuple[str, object, str]] = [
        ("Viewers in", found["joined"], f"{found['not_joined']:,} failed at first"),
        ("Delivered", f"{found['delivered_percent']:g} %", "of comments, to who stayed"),
        ("Shown", f"{found['deliveries_per_s']:,.0f}/s", f"{found['deliveries']:,} in all"),
        ("Comment p99", f"{comment.get('p99', 0):,.0f} ms", f"p50 {comment.get('p50', 0):,g} ms"),
        (
            "Critical p99",
            f"{critical.get('p99', 0):,.0f} ms",
            f"p50 {critical.get('p50', 0):,g} ms",
        ),
        ("Gaps", found["critical_gaps"], f"in {found['critical_events']:,} critical events"),
        ("Doubles", found["critical_doubled"] + found["doubled"], "events and comments"),
    ]
    if found.get("reservations"):
        stock = found["plan"].get("stock", 0)
        tiles.append(("Sold", found["reservations"], f"of {stock:,} units"))
    return tiles


def _verdicts(found: Document) -> str:
    rows = "".join(
        f"<tr><td>{escape(each['says'])}</td><td>{_chip(each)}</td>"
        f"<td class='quiet'>{escape(each['looked_at'])}</td></tr>"
        for each in found["verdicts"]
    )
    examples = "".join(
        f"<tr><td><code>{escape(kind)}</code></td><td>{escape(who)}</td><td>{escape(detail)}</td></tr>"
        for kind, who, detail in found["broken_examples"]
    )
    more = (
        f'<table class="words"><tr><th>failure</th><th>who</th><th>what</th></tr>{examples}</table>'
    )
    return (
        '<section class="card wide"><h2>Promises</h2><table class="words">'
        f"<tr><th>promise</th><th></th><th>judged by</th></tr>{rows}</table>"
        f"{more if examples else ''}</section>"
    )


def _chip(verdict: Mapping[str, Any]) -> str:
    if verdict["broken"]:
        return f'<span class="chip bad">broken {verdict["broken"]:,}×</span>'
    if not verdict["looked_at"]:
        return '<span class="chip none">not in this run</span>'
    return '<span class="chip good">held</span>'


def _plots(found: Document) -> list[str]:
    rows = found["timeline"]
    plots = [
        ("Comments shown a second", over_time, [_level(rows, "shown_per_s", "shown")], ""),
        ("Comment latency", over_time, _percentiles(rows, ["comment"]), "ms"),
        ("p99 by class", over_time, _by_class(found, rows), "ms"),
        ("Distribution of latency", over_percentiles, _distributions(found), "ms"),
        ("Viewers connected", over_time, [_level(rows, "connected", "connected")], ""),
        ("Comments taken a second", over_time, [_level(rows, "published_per_s", "taken")], ""),
    ]
    return [
        f'<section class="card"><h2>{escape(f"{title}, {unit}".strip(", "))}</h2>'
        f"{_legend(lines)}<figure>{draw(lines, unit)}</figure></section>"
        for title, draw, lines, unit in plots
        if any(line.points for line in lines)
    ]


def _level(rows: Sequence[Document], key: str, name: str) -> Line:
    return Line(name, [(row["at_s"], row[key]) for row in rows if key in row])


def _percentiles(rows: Sequence[Document], names: Sequence[str]) -> list[Line]:
    return [
        Line(label, [(row["at_s"], row[key][name]) for row in rows if name in row[key]])
        for name in names
        for label, key in (("p50", "p50_ms"), ("p99", "p99_ms"))
    ]


def _classes(found: Document) -> list[str]:
    """Deliveries first, then the replies asked for most."""
    latency = found["latency_ms"]
    deliveries = [name for name in latency if not name.endswith(REPLY)]
    replies = [name for name in latency if name.endswith(REPLY) and name != f"hello{REPLY}"]
    replies.sort(key=lambda name: -latency[name]["count"])
    return [*deliveries, *replies][:LINES_MAX]


def _by_class(found: Document, rows: Sequence[Document]) -> list[Line]:
    return [
        Line(name, [(row["at_s"], row["p99_ms"][name]) for row in rows if name in row["p99_ms"]])
        for name in _classes(found)
    ]


def _distributions(found: Document) -> list[Line]:
    return [
        Line(name, [(percent, ms) for percent, ms in found["distribution_ms"][name]])
        for name in _classes(found)
    ]


def _legend(lines: Sequence[Line]) -> str:
    if len(lines) < 2:
        return ""
    items = "".join(
        f'<span class="c{number % COLOURS + 1}"><i></i>{escape(line.name)}</span>'
        for number, line in enumerate(lines)
    )
    return f'<div class="legend">{items}</div>'


def _latencies(found: Document) -> str:
    columns = ("count", "p50", "p90", "p99", "p99.9", "max")
    head = "".join(f"<th>{escape(column)}</th>" for column in ("ms", *columns))
    rows = "".join(
        f"<tr><td>{escape(name)}</td>"
        + "".join(f"<td>{escape(_shown(figures[column]))}</td>" for column in columns)
        + "</tr>"
        for name, figures in found["latency_ms"].items()
    )
    return (
        '<section class="card wide"><h2>Latency over all clients</h2>'
        f"<table><tr>{head}</tr>{rows}</table></section>"
    )


def _figures(found: Document) -> str:
    """Everything else that is a plain number or a few counts, as the document names it."""
    told = {"plan", "machine", "seed", "at", "commit", "command", "title"}
    plan = _list({name: value for name, value in found["plan"].items() if _plain(value)})
    rest = _list(
        {name: value for name, value in found.items() if name not in told and _plain(value)}
    )
    return (
        f'<div class="pair"><div class="stack"><section class="card"><h2>Asked for</h2>{plan}'
        f"</section>{_provenance(found)}</div>"
        f'<section class="card"><h2>Counted</h2>{rest}</section></div>'
    )


def _plain(value: object) -> bool:
    if isinstance(value, dict):
        return bool(value) and all(isinstance(each, int) for each in value.values())
    return isinstance(value, int | float | str)


def _list(values: Mapping[str, Any]) -> str:
    items = []
    for name, value in values.items():
        shown = (
            ", ".join(f"{key} {count:,}" for key, count in value.items())
            if isinstance(value, dict)
            else _shown(value)
        )
        items.append(f"<dt>{escape(name.replace('_', ' '))}</dt><dd>{escape(shown)}</dd>")
    return f"<dl>{''.join(items)}</dl>"


def _provenance(found: Document) -> str:
    machine, generator = found["machine"], found.get("generator", {})
    facts = {
        "command": found["command"],
        "commit": found["commit"],
        "seed": str(found["seed"]),
        "at": found["at"],
        "machine": f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}, "
        f"Python {machine['python']}",
        "generator": f"CPU {generator.get('cpu_share')} of a core, loop lag p99 "
        f"{generator.get('loop_lag_p99_ms')} ms",
    }
    return f'<section class="card"><h2>How this was made</h2>{_list(facts)}</section>'


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.2f}".rstrip("0").rstrip(".")
    return str(value)
