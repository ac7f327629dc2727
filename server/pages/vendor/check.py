"""Compares the vendored modules with the hashes listed in README.md beside this file.

Run it as `python server/pages/vendor/check.py`; the test suite calls `mismatches()`.
It never downloads anything: fetching a new version is described in README.md.
"""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
LISTED = re.compile(r"^\| `(?P<file>[\w.-]+)` \|.*\| `(?P<sha256>[0-9a-f]{64})` \|$", re.MULTILINE)


def listed_hashes(readme: str) -> dict[str, str]:
    """File name → hex SHA-256, as the table in README.md says."""
    return {row["file"]: row["sha256"] for row in LISTED.finditer(readme)}


def mismatches(folder: Path = FOLDER) -> list[str]:
    """One sentence for each file that is missing, changed or not listed; empty when all agree."""
    listed = listed_hashes((folder / "README.md").read_text("utf-8"))
    present = {path.name: path for path in folder.iterdir() if path.suffix in {".js", ".css"}}
    found = [f"{name} is listed but missing" for name in sorted(listed.keys() - present.keys())]
    found += [f"{name} is not listed" for name in sorted(present.keys() - listed.keys())]
    for name in sorted(listed.keys() & present.keys()):
        if hashlib.sha256(present[name].read_bytes()).hexdigest() != listed[name]:
            found.append(f"{name} differs from the listed hash")
    return found


if __name__ == "__main__":
    problems = mismatches()
    print("\n".join(problems) or "vendored modules agree with README.md")
    sys.exit(1 if problems else 0)
