"""CSV as an answer: made page by page, saved as a file, and harmless in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable

from aiohttp import web

from flash_sale.csv_cells import safe_cell

MARK = "\ufeff".encode()  # by which spreadsheets know UTF-8; the first page begins with it


def csv_rows(rows: Iterable[Iterable[object]]) -> bytes:
    """Rows as bytes, no cell of them a formula."""
    text = io.StringIO()
    csv.writer(text).writerows([safe_cell(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def csv_headers(filename: str) -> dict[str, str]:
    return {
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": f'attachment; filename="{filename}"',
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }


async def send_csv(
    request: web.Request, filename: str, pages: AsyncIterator[bytes]
) -> web.StreamResponse:
    """Send the pages as they come. What fails before the first one is still an error answer."""
    first = await anext(pages)
    response = web.StreamResponse(headers=csv_headers(filename))
    await response.prepare(request)
    await response.write(first)
    async for page in pages:
        await response.write(page)
    await response.write_eof()
    return response
