"""Who may import whom, as pyproject.toml says it, holds; and the rules really bite."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("server", "room", "flash_sale", "loadtest")
LINT = Path(sys.executable).with_name("lint-imports")


def lint(directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINT, "--no-cache"],
        cwd=directory,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(directory)},
    )


def test_the_import_rules_hold() -> None:
    """The direction of imports is the architecture."""
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The sources without their pages, to break."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("pages", "*.lua")
        )
    return tmp_path


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("room/cards.py", "import time"),
        ("room/comments.py", "import random"),
        ("room/cards.py", "import flash_sale.orders"),
        ("flash_sale/orders.py", "import asyncio"),
        ("flash_sale/orders.py", "import room.state"),
        ("flash_sale/orders.py", "import server.config"),
        ("server/wire.py", "import os"),
        ("server/hub.py", "import room.storage.redis"),
        ("room/room.py", "import room.storage.redis"),
        ("loadtest/client.py", "import server.config"),
        ("server/hub.py", "import loadtest.client"),
    ],
)
def test_a_forbidden_import_is_caught(copy: Path, file: str, line: str) -> None:
    """A rule that catches nothing would be worse than none."""
    path = copy / file
    path.write_text(path.read_text() + f"\n{line}\n")
    done = lint(copy)
    assert done.returncode == 1, f"{line} in {file} was not caught:\n{done.stdout}{done.stderr}"
    assert "BROKEN" in done.stdout
