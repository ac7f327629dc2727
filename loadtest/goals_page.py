"""The goals' table in `docs/performance.md`, between its markers; judged in goal_lines.py.

Why a goal is not reached is written by hand below the table, in a list whose items begin with the
goal's key; a goal without one says so, and a reason that is no longer needed is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from loadtest.capacity_page import markdown_table, put_between
from loadtest.goal_lines import Clause, Line, Verdict

BEGIN, END = "<!-- goals: make goals -->", "<!-- end of goals -->"
WHY_HEADING = "### Why a goal is not reached"
_KEY = re.compile(r"^- \*\*([a-z]+)\*\*", re.MULTILINE)
_OPEN = frozenset(Verdict) - {Verdict.YES}


def put_goals(page: str, lines: Sequence[Line], documents: Mapping[str, Mapping[str, Any]]) -> str:
    """The page with its table renewed. Raises ValueError when it has no place for it."""
    text = f"{goals_table(lines, reasons(page))}\n\n{runs_table(documents)}"
    return put_between(page, text, begin=BEGIN, end=END)


def reasons(page: str) -> set[str]:
    """The keys of the goals that the page has words on."""
    _, _, below = page.partition(WHY_HEADING)
    section, _, _ = below.partition("\n#")
    return set(_KEY.findall(section))


def remarks(page: str, lines: Iterable[Line]) -> list[str]:
    """What somebody should write, or strike out."""
    told, found = reasons(page), []
    for line in lines:
        missed = line.verdict is Verdict.NO
        if missed and line.key not in told:
            found.append(f"{line.key}: not reached, and no word on why")
        if line.verdict is Verdict.YES and line.key in told:
            found.append(f"{line.key}: reached, yet there is a reason why not")
    return found


def goals_table(lines: Sequence[Line], told: set[str]) -> str:
    rows = [
        (
            line.key,
            line.what,
            line.goal,
            "; ".join(_clause(clause, alone=len(line.clauses) == 1) for clause in line.clauses),
            _verdict(line, told),
            ", ".join(line.parts),
        )
        for line in lines
    ]
    return markdown_table(("", "what", "goal", "measured", "reached", "run"), rows)


def _clause(clause: Clause, *, alone: bool) -> str:
    told = f"{clause.what}: {clause.found}"
    if alone or clause.reached is None:
        return told
    return f"{told} ({'yes' if clause.reached else '**no**'})"


def _verdict(line: Line, told: set[str]) -> str:
    word = "**no**" if line.verdict is Verdict.NO else str(line.verdict)
    if line.verdict in _OPEN and line.key in told:
        anchor = WHY_HEADING.lstrip("# ").lower().replace(" ", "-")
        return f"{word} ([why](#{anchor}))"
    return word


def runs_table(documents: Mapping[str, Mapping[str, Any]]) -> str:
    """Where the figures come from, one line a run."""
    rows = []
    for name, document in documents.items():
        machine = document["machine"]
        where = f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}"
        command, commit = f"`{document['command']}`", f"`{document['commit']}`"
        rows.append((name, command, commit, document["at"], _load(document), where))
    heads = ("run", "command", "commit", "when", "load average before", "machine")
    return markdown_table(heads, rows)


def _load(document: Mapping[str, Any]) -> str:
    load = document.get("load_before") or document.get("load_average")
    return f"{load[0]:.1f}" if load else "–"
