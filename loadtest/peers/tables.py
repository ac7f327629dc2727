"""The tables of the fan-out benchmark on a terminal. Judges nothing: see goals.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from loadtest.report import print_table

COLUMNS = ("server", "deliveries/s", "frames/s", "per frame", "CPU s/M", "µs/frame", "p50 ms",
           "p99 ms", "p99.9 ms", "KB/viewer", "delivered %", "generator")  # fmt: skip


def show(found: Mapping[str, Any], console: Console) -> None:
    for load in dict.fromkeys(row["load"] for row in found["rows"]):
        rows = [row for row in found["rows"] if row["load"] == load]
        title = (
            f"{load}: {rows[0]['viewers']:,} viewers, {rows[0]['comments_per_s']:g} comments/s, "
            f"{rows[0]['offered_per_s']:,.0f} deliveries/s offered"
        )
        print_table(title, COLUMNS, [_cells(row) for row in rows], console=console)
        for row in rows:
            _show_parts(row, console)
    if found["best"]:
        _show_best(found, console)
    if found["goals"]:
        _show_goals(found, console)
    for kind in ("skipped", "broken"):
        for line in found[kind]:
            console.print(f"{kind}: {line}", markup=False)
    _show_story(found, console)


def line_of(row: Mapping[str, Any]) -> str:
    """One row in a line, as it comes in."""
    return (
        f"{row['load']}, {row['comments_per_s']:g} comments/s, {row['server']}: "
        f"{row['deliveries_per_s']:,} deliveries/s, {row['frames_per_s']:,} frames/s, "
        f"CPU s/M {row['cpu_s_per_million']['all']:.2f}, p99 {row['latency_ms']['p99']:g} ms, "
        f"{row['delivered_percent']:g} %, generator {generator_word(row)}"
    )


def _cells(row: Mapping[str, Any]) -> list[object]:
    latency, cpu = row["latency_ms"], row["cpu_s_per_million"]
    return [
        row["server"],
        row["deliveries_per_s"],
        row["frames_per_s"],
        row["comments_per_frame"],
        f"{cpu['all']:.2f}",
        f"{row['cpu_us_per_frame']['all']:.2f}",
        latency["p50"],
        latency["p99"],
        latency["p99.9"],
        row["rss_kb_per_viewer"],
        row["delivered_percent"],
        generator_word(row),
    ]


def _show_parts(row: Mapping[str, Any], console: Console) -> None:
    """Whose CPU it was, of a server of several processes."""
    parts = {name: s for name, s in row["cpu_s_per_million"].items() if name != "all"}
    if len(parts) > 1:
        told = ", ".join(f"{name} {s:.3f}" for name, s in parts.items())
        console.print(f"  {row['server']}: CPU s/M of {told}", markup=False)


def generator_word(row: Mapping[str, Any]) -> str:
    """How the generator fared: nothing to say, or why its times or its row do not count."""
    share = row["generator"]["cpu_share"]
    if row["refused"]:
        return f"REFUSED ({share:.0%})"
    return f"starved ({share:.0%})" if row["starved"] else f"{share:.0%}"


def attempts(row: Mapping[str, Any]) -> str:
    """Each rate that a search tried, in order; × where the server did not keep up."""
    return " ".join(
        f"{one['comments_per_s']:g}{'' if one['held'] else '×'}" for one in row["tried"]
    )


def _show_best(found: Mapping[str, Any], console: Console) -> None:
    columns = ("server", "deliveries/s", "comments/s", "frames/s", "p99 ms", "CPU s/M", "limit",
               "tried, comments/s")  # fmt: skip
    table = [
        [
            row["server"],
            row["deliveries_per_s"],
            row["comments_per_s"],
            row["frames_per_s"],
            row.get("latency_ms", {}).get("p99", "–"),
            row.get("cpu_s_per_million", {}).get("all", "–"),
            row["limited_by"],
            attempts(row),
        ]
        for row in found["best"]
    ]
    viewers = found["best"][0]["viewers"]
    title = f"Highest stable rate, {viewers:,} viewers, p99 below 250 ms; ×: not kept up with"
    print_table(title, columns, table, console=console)


def _show_goals(found: Mapping[str, Any], console: Console) -> None:
    words = {True: "yes", False: "NO", None: "not judged"}
    table = [
        [
            goal["what"],
            "–" if goal["found"] is None else goal["found"],
            goal["goal"],
            words[goal["reached"]],
            goal["why"],
        ]
        for goal in found["goals"]
    ]
    print_table("Goals", ("what", "found", "goal", "reached", ""), table, console=console)


def _show_story(found: Mapping[str, Any], console: Console) -> None:
    machine, before, after = found["machine"], found["load_before"], found["load_after"]
    cores = found["cores"]
    where = (
        "server and generator SHARE one core: times mean nothing"
        if found["shared_core"]
        else f"server on core {cores['server']}, generator on core {cores['load']}"
    )
    console.print(f"commit {found['commit']} · seed {found['seed']} · {found['command']}",
                  markup=False)  # fmt: skip
    console.print(f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}, "
                  f"Python {machine['python']} · {where} · load average {before[0]:.1f} before, "
                  f"{after[0]:.1f} after", markup=False)  # fmt: skip
