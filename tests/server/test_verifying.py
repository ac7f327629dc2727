"""`liveroom verify` says each check and ends with 0, 1 or 2, with neither server nor Redis."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from flash_sale import queue
from server.verifying import run
from tests.room.test_verifier import a_rain


def test_a_proof_that_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "proof.json"
    path.write_text(json.dumps(a_rain()))
    assert run(str(path)) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == "the proof holds"
    assert all(line.startswith("ok ") for line in said[:-1])


def test_a_proof_from_standard_input_that_does_not_hold(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps({**a_rain(), "returned_cents": 0})))
    assert run("-") == 1
    assert "BAD remainder" in capsys.readouterr().out


def test_the_shuffle_of_a_line(tmp_path: Path) -> None:
    seed = "ab" * 32
    tickets = queue.shuffled(seed, [queue.ticket("s1", f"u{n}") for n in range(20)])
    proof = {
        "sale_id": "s1",
        "seed_hash": hashlib.sha256(bytes.fromhex(seed)).hexdigest(),
        "seed": seed,
        "early": 20,
        "tickets": tickets,
    }
    path = tmp_path / "shuffle.json"
    path.write_text(json.dumps(proof))
    assert run(str(path)) == 0
    path.write_text(json.dumps({**proof, "tickets": tickets[::-1]}))
    assert run(str(path)) == 1


def test_the_command_line_needs_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "nothing.json"
    path.write_text("[]")
    command = [sys.executable, "-m", "server", "verify", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2
    assert "no proof that can be checked" in done.stderr
