"""Finding the official libraries of the payment providers, which not everybody installs."""

from __future__ import annotations

import importlib
from typing import Any


class MissingLibrary(Exception):
    """A provider is configured whose library is not installed; the message says what to do."""


def library(module: str) -> Any:  # noqa: ANN401 - a module without published types
    """Import a module of the extra `payments` when it is first needed."""
    try:
        return importlib.import_module(module)
    except ImportError as missing:
        raise MissingLibrary(
            f"{module} is needed for this payment provider: install liveroom[payments]"
        ) from missing
