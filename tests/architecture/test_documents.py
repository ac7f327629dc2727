"""The documents say what is there: their commands run, their links lead somewhere."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import server.commands  # noqa: F401 - fills the registry that the protocol page is made from
from server import settings_page
from server.cli import app
from server.protocol_page import protocol_page

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").glob("*.md")]
)
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.M))
COMMANDS = {
    command.name or (command.callback.__name__ if command.callback else "")
    for command in app.registered_commands
}


def shell_blocks(text: str) -> str:
    return "\n".join(re.findall(r"```(?:bash|sh|console)\n(.*?)```", text, re.S))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_readme_starts_with_the_two_commands() -> None:
    """Whoever comes here sees first how to start it and how to test it."""
    first_block = re.search(r"```bash\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert first_block
    assert [line.split("#")[0].strip() for line in first_block[1].splitlines()] == [
        "make demo",
        "make test",
    ]


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_commands_in_the_documents_exist(path: Path) -> None:
    """Each `make` target and each `liveroom` command that is named."""
    blocks = shell_blocks(path.read_text())
    named = set(re.findall(r"\bmake ([a-z][a-z-]*)", blocks))
    assert named <= TARGETS
    assert set(re.findall(r"^\s*(?:\S+/)?liveroom ([a-z]+)", blocks, re.M)) <= COMMANDS


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_links_lead_somewhere(path: Path) -> None:
    """Relative links, in the repository as it is."""
    for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text()):
        if not link.startswith(("http://", "https://", "mailto:")):
            assert (path.parent / link).exists(), f"{name(path)} links to {link}"


def test_help_is_made_from_the_makefile() -> None:
    """Every target that says what it does is listed, and every listed one exists."""
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = set(re.findall(r"^\s*make ([a-z-]+)", done.stdout, re.M))
    assert listed == set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.M))


def test_generated_pages_agree_with_the_code() -> None:
    """`make docs` writes them; a forgotten run is caught here."""
    assert (ROOT / "docs/configuration.md").read_text() == settings_page.page()
    assert (ROOT / "docs/protocol.md").read_text() == protocol_page()


def test_the_changelog_names_the_version() -> None:
    """What is installed and what is written about it agree."""
    from server import __version__

    assert f'version = "{__version__}"' in (ROOT / "pyproject.toml").read_text()
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text()
