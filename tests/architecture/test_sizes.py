"""Files and functions stay small enough to be read at one go."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50
LUA_LINES_MAX = 120  # of code; most are below 60
SOURCES = sorted(
    path
    for package in ("server", "room", "flash_sale", "loadtest", "tests")
    for path in (ROOT / package).rglob("*.py")
    if not {"pages", "versions"} & set(path.relative_to(ROOT).parts)  # not written by hand, or once
)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_a_file_is_short_and_says_what_it_is_for(path: Path) -> None:
    """At most 400 lines, with a docstring at the top."""
    text = path.read_text()
    assert text.count("\n") <= FILE_LINES_MAX
    assert not text.strip() or ast.get_docstring(ast.parse(text))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_functions_are_short() -> None:
    """At most 50 lines, and none hides behind another."""
    long = [
        f"{name(path)}:{node.lineno} {node.name}"
        for path in SOURCES
        for node in functions(path)
        if (node.end_lineno or node.lineno) - node.lineno >= FUNCTION_LINES_MAX
    ]
    assert not long


def test_lua_scripts_are_short_and_explain_themselves() -> None:
    """One atomic act each, with its keys, arguments and answer in a header."""
    for path in ROOT.glob("*/storage/lua*/*.lua"):
        lines = path.read_text().splitlines()
        code = [line for line in lines if line.strip() and not line.strip().startswith("--")]
        assert len(code) <= LUA_LINES_MAX, f"{name(path)} has {len(code)} lines of code"
        assert lines[0].startswith("--"), f"{name(path)} has no header"
