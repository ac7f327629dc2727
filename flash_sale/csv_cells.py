"""Cells of CSV that a spreadsheet takes for what they are."""

from __future__ import annotations

_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run


def safe_cell(value: object) -> str:
    """The cell as text that no spreadsheet takes for a formula; numbers stay numbers."""
    if value is None:
        return ""
    text = str(value)
    if isinstance(value, int) or not text.lstrip(" ").startswith(_FORMULA):
        return text
    return f"'{text}"
