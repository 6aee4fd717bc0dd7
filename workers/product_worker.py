"""The product worker's main: settings, telemetry, channel, then one of its two modes."""

import sys
from datetime import timedelta

from bodega.product.v1 import product_pb2, product_pb2_grpc
from runtime.auth.token_source import TokenSource
from runtime.backoff import Backoff
from runtime.client import connect
from runtime.logs import get_logger
from runtime.main import StartError, run
from runtime.settings import load
from runtime.telemetry import telemetry
from workers.durable import CorruptFileError, DurableFileError
from workers.file_import import FileOptions, Outcome, import_file
from workers.importer import Importer, ImportRefusedError
from workers.interval import feed
from workers.product_settings import ProductWorkerSettings
from workers.sources.record import SourceError
from workers.stop import Stop

SOME_ROWS_NOT_IMPORTED = 3
SERVICE = product_pb2.DESCRIPTOR.services_by_name["ProductService"]

log = get_logger("product_worker")


class _BadRowsError(Exception):
    """The whole file was read, and some of its rows were not imported."""


def main() -> None:
    """Run the worker."""
    settings = load(ProductWorkerSettings)
    try:
        run(work(settings), settings.program)
    except _BadRowsError:
        sys.exit(SOME_ROWS_NOT_IMPORTED)


async def work(settings: ProductWorkerSettings) -> None:
    """Feed Product until the end of the file, or a signal."""
    stop = Stop.on_signals()
    async with (
        telemetry(settings, "product_worker") as told,
        TokenSource.of(settings, settings.resource, "catalog.write") as tokens,
        connect(
            settings.target,
            SERVICE,
            tls_roots=settings.tls_roots,
            traces=told.traces,
            tokens=tokens,
            trust_network=settings.trust_network,
        ) as channel,
    ):
        importer = Importer(
            product_pb2_grpc.ProductServiceStub(channel),
            stop,
            deadline=settings.deadline,
            backoff=Backoff(cap=settings.max_backoff, first=timedelta(milliseconds=200)),
            traces=told.traces,
        )
        told.ready = lambda: importer.is_connected
        try:
            await (make_up if settings.source is None else read_file)(settings, importer, stop)
        except (DurableFileError, CorruptFileError, ImportRefusedError) as error:
            raise StartError(str(error)) from error


async def make_up(settings: ProductWorkerSettings, importer: Importer, stop: Stop) -> None:
    """Send made-up products until a signal."""
    await stop.run(feed(importer, stop, settings, settings.data / "product_worker.json"))
    log.info("stopped")


async def read_file(settings: ProductWorkerSettings, importer: Importer, stop: Stop) -> None:
    """Import the file that the settings name."""
    options = FileOptions.of(settings)
    try:
        outcome = await stop.run(import_file(importer, stop, options))
    except SourceError as error:
        raise StartError(f"{options.source}: {error}") from error
    _conclude(outcome)


def _conclude(outcome: Outcome | None) -> None:
    if outcome is None or not outcome.finished:
        log.info("stopped; start again to go on")
        return
    totals = outcome.totals
    log.info(
        "import finished",
        rows=totals.rows,
        inserted=totals.inserted,
        updated=totals.updated,
        unchanged=totals.unchanged,
        rejected=totals.rejected,
        skipped=totals.skipped,
    )
    if totals.bad:
        raise _BadRowsError


if __name__ == "__main__":
    main()
