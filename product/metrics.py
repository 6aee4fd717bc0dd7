"""What the catalogue counts, beside what every server does."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from prometheus_client import Counter, Gauge

from product.model import Extent, ImportSummary
from runtime.failure import report
from runtime.logs import get_logger

EVERY = timedelta(seconds=5)

log = get_logger(__name__)

_PRODUCTS = Gauge("bodega_product_catalogue_products", "Products in the catalogue.")
_REVISION = Gauge("bodega_product_catalogue_revision", "Revision of the catalogue's last change.")
_ROWS = Counter("bodega_product_imported_rows", "Rows of finished imports.", ["outcome"])

_INSERTED = _ROWS.labels("inserted")
_UPDATED = _ROWS.labels("updated")
_REJECTED = _ROWS.labels("rejected")


def count_import(summary: ImportSummary) -> None:
    """Count the rows of an import that is finished."""
    _INSERTED.inc(summary.inserted)
    _UPDATED.inc(summary.updated)
    _REJECTED.inc(summary.rejected)


async def gauge_for_ever(
    extent: Callable[[], Awaitable[Extent]],
    wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Show the extent of the catalogue, whichever replica wrote it."""
    is_failing = False
    while True:
        try:
            found = await extent()
        except Exception as error:  # noqa: BLE001 (the gauges keep what was last seen)
            if not is_failing:
                report(log, "the catalogue's gauges stand still", error)
            is_failing = True
        else:
            is_failing = False
            _PRODUCTS.set(found.products)
            _REVISION.set(found.revision)
        await wait(EVERY.total_seconds())
