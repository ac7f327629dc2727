"""`liveroom verify`: a proof from a file or from standard input, checked without any server."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from flash_sale import queue
from room.verifier import Check, NotAProof, verify

NOT_READABLE = 2


def shuffle_checks(proof: Mapping[str, Any]) -> list[Check]:
    """Of the line before a sale: the seed that was committed to, and the order it gives."""
    try:
        seed, tickets = str(proof["seed"]), [str(ticket) for ticket in proof["tickets"]]
        hashed = hashlib.sha256(bytes.fromhex(seed)).hexdigest()
        early = int(proof["early"])
    except (KeyError, TypeError, ValueError) as wrong:
        raise NotAProof("not a shuffle whose seed is told yet") from wrong
    return [
        Check("seed", hashed == proof.get("seed_hash"), "the seed is the one committed to"),
        Check("distinct", len(set(tickets)) == len(tickets), "every ticket is in it once"),
        Check(
            "order",
            tickets == queue.shuffled(seed, tickets),
            f"{len(tickets)} of {early} tickets stand in the order that the seed gives",
        ),
    ]


def run(source: str) -> int:
    """0 when everything holds, 1 when something does not, 2 when there is no proof in it."""
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
        proof = json.loads(text)
        if not isinstance(proof, dict):
            raise NotAProof("it must be a JSON object")
        checks = shuffle_checks(proof) if "tickets" in proof else verify(proof)
    except (OSError, ValueError, NotAProof) as wrong:
        typer.echo(f"liveroom: no proof that can be checked: {wrong}", err=True)
        return NOT_READABLE
    for check in checks:
        typer.echo(f"{'ok ' if check.ok else 'BAD'} {check.name}: {check.says}")
    holds = all(check.ok for check in checks)
    typer.echo("the proof holds" if holds else "the proof does NOT hold")
    return 0 if holds else 1
