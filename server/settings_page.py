"""Writes docs/configuration.md from the settings themselves, so that the page cannot drift.

python -m server.settings_page > docs/configuration.md
"""

from __future__ import annotations

import sys
from typing import Any, Literal, get_args, get_origin

from pydantic import SecretStr

from server.config import PREFIX, Settings

HEAD = """# Settings

Made from `server/config.py` by `make docs`; do not edit.

A settings file (TOML, `--config FILE` or `LIVEROOM_CONFIG`) is the weakest, then the environment,
then flags of the command line. An unknown key in the file or the environment stops the start and
names the nearest known one. Lists are comma separated in the environment. When the server can be
reached from other machines both secrets must be given; on loopback they are made once and kept in
`secrets.json` in the data directory, readable by its owner only.

| key | environment | default | |
|---|---|---|---|
"""


def page() -> str:
    """The whole page."""
    return HEAD + "".join(_row(key) for key in Settings.model_fields)


def _row(key: str) -> str:
    field = Settings.model_fields[key]
    notes = [field.description or "", _choices(field.annotation), _bounds(field.metadata)]
    told = "; ".join(note for note in notes if note)
    return f"| `{key}` | `{PREFIX}{key.upper()}` | {_default(field.default)} | {told} |\n"


def _default(value: object) -> str:
    if isinstance(value, SecretStr):
        return "none"
    if isinstance(value, tuple):
        value = ",".join(map(str, value))
    if isinstance(value, bool):
        value = str(value).lower()
    return f"`{value}`" if value not in ("", None) else "none"


def _choices(annotation: Any) -> str:  # noqa: ANN401 - whatever pydantic was given
    if get_origin(annotation) is not Literal:
        return ""
    return "one of " + ", ".join(f"`{choice}`" for choice in get_args(annotation))


def _bounds(metadata: list[Any]) -> str:
    words = (("ge", "at least"), ("gt", "more than"), ("le", "at most"))
    told = [
        f"{word} {getattr(bound, name):,}"
        for name, word in words
        for bound in metadata
        if getattr(bound, name, None) is not None
    ]
    return ", ".join(told)


if __name__ == "__main__":
    sys.stdout.write(page())
