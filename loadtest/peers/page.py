"""The fan-out's figures in `docs/performance.md`, between their markers. Judges nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from loadtest.capacity_page import markdown_table, put_between
from loadtest.peers.tables import attempts, generator_word

BEGIN, END = "<!-- fan-out: make goals -->", "<!-- end of fan-out -->"
NO_TIME = "–"  # where the generator's times do not count

Row = Mapping[str, Any]


def put_fanout(page: str, document: Mapping[str, Any]) -> str:
    """The page with its figures renewed. Raises ValueError when it has no place for them."""
    return put_between(page, fanout_page(document), begin=BEGIN, end=END)


def fanout_page(document: Mapping[str, Any]) -> str:
    """A table a load, the highest stable rates, and where they come from."""
    rows = document["rows"]
    machine, before, after = document["machine"], document["load_before"], document["load_after"]
    parts = [
        f"Commit `{document['commit']}`, `{document['command']}`, seed {document['seed']}; "
        f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}, "
        f"Python {machine['python']}, load average {before[0]:.1f} before and {after[0]:.1f} after."
    ]
    for load in dict.fromkeys(row["load"] for row in rows):
        parts.append(_load_table([row for row in rows if row["load"] == load]))
    if document["best"]:
        parts.append(_best_table(document["best"]))
    parts += [f"Left out: {line}." for line in (*document["skipped"], *document["broken"])]
    return "\n\n".join(parts)


def _load_table(rows: Sequence[Row]) -> str:
    first = rows[0]
    head = (
        f"**{first['load'].capitalize()}**: {first['viewers']:,} viewers, "
        f"{first['comments_per_s']:g} comments/s, {first['offered_per_s']:,.0f} deliveries/s due."
    )
    heads = ("server", "deliveries/s", "comments a frame", "CPU s a million", "CPU µs a frame",
             "p50", "p99", "KB a viewer", "arrived", "generator")  # fmt: skip
    return f"{head}\n\n{markdown_table(heads, [_cells(row) for row in rows])}"


def _cells(row: Row) -> tuple[str, ...]:
    latency, starved = row["latency_ms"], row["starved"] or row["refused"]
    return (
        row["server"],
        f"{row['deliveries_per_s']:,}",
        f"{row['comments_per_frame']:g}",
        f"{row['cpu_s_per_million']['all']:.2f}",
        f"{row['cpu_us_per_frame']['all']:.2f}",
        NO_TIME if starved else f"{latency['p50']:g} ms",
        NO_TIME if starved else f"{latency['p99']:g} ms",
        f"{row['rss_kb_per_viewer']:g}",
        f"{row['delivered_percent']:.4g} %",
        generator_word(row),
    )


def _best_table(best: Sequence[Row]) -> str:
    heads = ("server", "deliveries/s", "comments/s", "p99", "limited by",
             "tried, comments/s (×: not kept up with)")  # fmt: skip
    rows = [
        (
            row["server"],
            f"{row['deliveries_per_s']:,}",
            f"{row['comments_per_s']:g}",
            f"{row['latency_ms']['p99']:g} ms" if "latency_ms" in row else NO_TIME,
            row["limited_by"],
            attempts(row),
        )
        for row in best
    ]
    head = f"**Highest stable rate**: {best[0]['viewers']:,} viewers, p99 within 250 ms."
    return f"{head}\n\n{markdown_table(heads, rows)}"
