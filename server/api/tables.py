"""Every table of routes of the public API, in one place for the server and for the documents."""

from __future__ import annotations

from server.api import (
    exports,
    lines,
    me,
    operation,
    orders,
    regrouping,
    rooms,
    webhooks,
)

PUBLIC = tuple(
    part.routes for part in (rooms, orders, regrouping, lines, me, exports, webhooks, operation)
)
