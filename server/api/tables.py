"""Every table of routes of the public API, in one place for the server and for the documents."""

from __future__ import annotations

from server.api import (
    exports,
    handouts,
    lines,
    me,
    operation,
    orders,
    prizes,
    refunds,
    regrouping,
    rooms,
    staff_acts,
    stage,
    ticks,
    webhooks,
)

PUBLIC = tuple(
    part.routes
    for part in (
        rooms,
        handouts,
        orders,
        prizes,
        refunds,
        regrouping,
        lines,
        me,
        exports,
        webhooks,
        stage,
        operation,
        staff_acts,
        ticks,
    )
)
