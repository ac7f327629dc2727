"""What holds for every page: import map, vendored files, and that text stays text."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

PAGES = Path(__file__).resolve().parents[2] / "server" / "pages"
LINES_MAX = 400  # past this a module does more than one thing
HTML = sorted(PAGES.glob("*.html"))
SCRIPTS = sorted((PAGES / "js").rglob("*.js"))
IMPORT_MAP = re.compile(r'<script type="importmap">(.*?)</script>', re.DOTALL)


def test_vendored_modules_are_the_listed_ones() -> None:
    """A file that was changed, added or lost does not go unseen."""
    spec = importlib.util.spec_from_file_location("vendored", PAGES / "vendor" / "check.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.mismatches() == []


def test_every_page_has_the_same_import_map() -> None:
    """One set of modules, so that two pages never run two versions."""
    maps = {page.name: IMPORT_MAP.findall(page.read_text("utf-8")) for page in HTML}
    assert HTML
    assert len({tuple(found) for found in maps.values()}) == 1, maps
    assert all(len(found) == 1 for found in maps.values())


def test_pages_have_no_inline_script_or_style() -> None:
    """The content security policy would refuse them, silently for the visitor."""
    for page in HTML:
        text = IMPORT_MAP.sub("", page.read_text("utf-8"))
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", text), page.name


def test_text_never_becomes_markup() -> None:
    """Names and comments reach the document as text only."""
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|dangerouslySet|\beval\("
    )
    found = [str(path) for path in SCRIPTS if forbidden.search(path.read_text("utf-8"))]
    assert found == []


def test_scripts_stay_small() -> None:
    """One screenful of purpose a file."""
    lengths = {path.name: len(path.read_text("utf-8").splitlines()) for path in SCRIPTS}
    assert {name: lines for name, lines in lengths.items() if lines > LINES_MAX} == {}
