"""The figures of `docs/capacity.md`, as their model says them. No figure is decided here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from loadtest.capacity import Model, Need, Wish

BEGIN, END = "<!-- figures: python -m loadtest.capacity -->", "<!-- end of figures -->"


def put_between(document: str, text: str, *, begin: str = BEGIN, end: str = END) -> str:
    """The document with its figures renewed. Raises ValueError when it has no place for them."""
    before, opened, rest = document.partition(begin)
    _, closed, after = rest.partition(end)
    if not (opened and closed):
        raise ValueError(f"no {begin} and {end}")
    return f"{before}{begin}\n{text.strip()}\n{end}{after}"


def page(model: Model, document: Mapping[str, Any]) -> str:
    """All tables, from the model and from the document its points came in."""
    from loadtest.capacity import WISHES, plan

    parts = [
        _story(document, model),
        prices_table(model),
        points_table(model, document["points"]),
        *(plan_table(name, wish, plan(model, wish)) for name, wish in WISHES.items()),
    ]
    return "\n\n".join(parts)


def _story(document: Mapping[str, Any], model: Model) -> str:
    load = document["load_before"][0]
    return (
        f"Commit `{document['commit']}`, `{document['command']}`; {document['machine']['cpu']}, "
        f"load average {load:.1f} before. A point that was left out of the fit is missed by "
        f"{model.usual_error:.0%} as a rule and by {model.worst_error:.0%} at worst."
    )


def prices_table(model: Model) -> str:
    from loadtest.capacity import REDIS_PARTS, WORKER_PARTS

    rows = [
        ("worker", part.unit, f"{model.worker[part.name] * 1e6:,.2f} µs") for part in WORKER_PARTS
    ]
    rows += [
        ("Redis", part.unit, f"{model.redis[part.name] * 1e6:,.2f} µs") for part in REDIS_PARTS
    ]
    rows += [
        ("Redis", f"{part.unit}: calls", f"{model.redis_calls[part.name]:,.2f}")
        for part in REDIS_PARTS
    ]
    rows += [
        (
            "worker, Redis",
            "one joins, with token and greeting",
            f"{model.join_cpu_s * 1e6:,.0f} µs",
        ),
        ("worker", "memory a viewer", f"{model.viewer_bytes / 1024:,.1f} KB"),
        ("network", "bytes of a comment told to one viewer", f"{model.comment_bytes:,.0f}"),
    ]
    return "### What things cost\n" + markdown_table(("where", "what", "price"), rows)


def points_table(model: Model, points: Sequence[Mapping[str, Any]]) -> str:
    from loadtest.capacity import usable

    rows = []
    for row in usable(points):
        measured, said = row["cpu_share"]["all"], model.cpu_s(row)
        place = f"{row['curve']} {row['x']:g}"
        rows.append((place, f"{measured:.3f}", f"{said:.3f}", f"{said / measured - 1:+.0%}"))
    heads = ("point", "measured, CPU s/s", "the model", "off by")
    return "### Measured and said\n" + markdown_table(heads, rows)


def plan_table(name: str, wish: Wish, need: Need) -> str:
    rows = [
        ("viewers, rooms", f"{wish.viewers:,}, {wish.rooms:,}"),
        ("comments a second in a room; shown", f"{wish.comments_per_s:g}; {wish.shown_per_s:g}"),
        ("joins a second", f"{wish.joins_per_s:,.0f}"),
        ("cores busy in workers", f"{need.worker_cores:,.1f}"),
        ("workers (a core each)", f"{need.workers:,}"),
        ("cores busy in Redis", f"{need.redis_cores:,.2f}"),
        ("nodes of the Redis cluster", f"{need.redis_nodes:,}"),
        ("Redis calls a second", f"{need.redis_calls_per_s:,.0f}"),
        ("memory of viewers", f"{need.memory_gb:,.1f} GB"),
        ("writes to viewers a second", f"{need.writes_per_s:,.0f}"),
        ("bandwidth to viewers", f"{need.gbit_per_s:,.2f} Gbit/s"),
        ("requests for ticks a second", f"{need.tick_requests_per_s:,.0f}"),
    ]  # fmt: skip
    return f"### {name}\n" + markdown_table(("what", "figure"), rows)


def markdown_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
