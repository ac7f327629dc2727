"""Every Lua file is short and says what it takes and gives."""

from __future__ import annotations

from pathlib import Path

import pytest

import room.storage

SCRIPTS = sorted((Path(room.storage.__file__).parent / "lua").glob("*.lua"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_has_a_header_and_sixty_lines_at_most(script: Path) -> None:
    lines = script.read_text(encoding="utf-8").splitlines()
    code = next(at for at, line in enumerate(lines) if not line.startswith("--"))
    header = "\n".join(lines[:code])
    assert "-- KEYS" in header
    assert "-- ARGV" in header
    assert "-- Returns" in header
    assert len(lines) - code <= 60
