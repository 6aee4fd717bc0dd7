"""What the catalogue counts, beside what every server does."""

import asyncio
from collections.abc import Awaitable, Callable

from prometheus_client import Counter, Gauge

from product.model import Extent, ImportSummary
from runtime import gauging
from runtime.logs import get_logger

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
    extent: Callable[[], Awaitable[Extent]], wait: gauging.Wait = asyncio.sleep
) -> None:
    """Show the extent of the catalogue, whichever replica wrote it."""

    async def look() -> None:
        found = await extent()
        _PRODUCTS.set(found.products)
        _REVISION.set(found.revision)

    await gauging.gauge_for_ever(look, log, "the catalogue's gauges stand still", wait)
