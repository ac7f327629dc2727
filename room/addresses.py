"""Web addresses a host may put into a room: pictures and streams that a page will load."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from room.errors import Refused
from room.limits import URL_CHARACTERS_MAX

_SCHEMES: Final = frozenset({"http", "https"})


def clean_address(address: str, *, field: str) -> str:
    """An http(s) address, a path on this server, or nothing. Refuses with bad_request, too_long.

    Other schemes would let a host run script in a viewer's page.
    """
    stripped = address.strip()
    if len(stripped) > URL_CHARACTERS_MAX:
        raise Refused("too_long", f"{field} is longer than {URL_CHARACTERS_MAX} characters")
    if not stripped:
        return ""
    if not stripped.isprintable() or " " in stripped or "\\" in stripped or not _is_web(stripped):
        raise Refused("bad_request", f"{field} must be an http(s) address or a path like /a/b")
    return stripped


def _is_web(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    if parts.scheme:
        return parts.scheme in _SCHEMES and bool(parts.netloc)
    return address.startswith("/") and not address.startswith("//")
