"""The mode with a file: all its rows once, resumed where a crash ended it."""

import asyncio
import hashlib
import json
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from bodega.product.v1 import product_pb2
from runtime.logs import get_logger
from workers import durable, product_metrics
from workers.batches import Place, Window, WindowReader
from workers.checkpoint import Checkpoint, Totals
from workers.importer import Importer, ImportRefusedError
from workers.patience import StoppedError
from workers.product_settings import ProductWorkerSettings
from workers.progress import progress
from workers.rejects import Rejects
from workers.rows import ProductReader
from workers.sources.catalogue import CatalogueFile
from workers.sources.fields import FieldMap
from workers.sources.record import BadRow
from workers.stop import Stop

log = get_logger("product_worker")

# Part of what a checkpoint depends on: whoever changes how rows are read or cut raises it.
EDITION = 1


@dataclass(frozen=True, slots=True)
class FileOptions:
    """What to import, and how. `target` is only told apart, not connected to."""

    source: Path
    target: str
    folder: Path
    stream_rows: int
    mapping: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    rejects: Path | None = None

    @classmethod
    def of(cls, settings: ProductWorkerSettings) -> Self:
        """Take them from the settings, which must name a source."""
        if settings.source is None:
            raise ValueError("no source")
        return cls(
            source=settings.source,
            target=settings.target,
            folder=settings.data / "imports",
            stream_rows=settings.stream_rows,
            mapping=settings.mapping,
            defaults=settings.defaults,
            rejects=settings.rejects,
        )

    @property
    def checkpoint_path(self) -> Path:
        """Where the progress of this file into this target is kept."""
        name = hashlib.sha256(f"{self.source.resolve()}\n{self.target}".encode()).hexdigest()[:12]
        return self.folder / f"{self.source.name}-{name}.json"

    def identity(self, digest: str) -> str:
        """Name the content together with all that decides which batches it becomes."""
        parts = (
            EDITION,
            digest,
            self.source.suffix.lower(),
            sorted(self.mapping.items()),
            sorted(self.defaults.items()),
            self.stream_rows,
        )
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where an import ended: at the end of the file, or stopped before it."""

    totals: Totals
    finished: bool


async def import_file(importer: Importer, stop: Stop, options: FileOptions) -> Outcome:
    """Import the file from where its checkpoint stands, until its end or a stop.

    Raises SourceError, DurableFileError and ImportRefusedError; the checkpoint then stands
    at the last window that Product acknowledged.
    """
    with ExitStack() as stack:
        file = stack.enter_context(CatalogueFile(options.source))
        stack.enter_context(durable.owned(options.checkpoint_path))
        job = _FileImport(importer, options, file)
        try:
            checkpoint = await job.begin()
            rejects = stack.enter_context(Rejects(options.rejects, checkpoint.rejects_bytes))
            return await job.run(checkpoint, rejects, stop)
        except StoppedError:
            return Outcome(job.totals, finished=False)


class _FileImport:
    def __init__(self, importer: Importer, options: FileOptions, file: CatalogueFile) -> None:
        self._importer = importer
        self._options = options
        self._file = file
        self._fields = FieldMap(options.mapping, options.defaults)
        self._products = ProductReader(options.defaults)
        self.totals = Totals()

    async def begin(self) -> Checkpoint:
        """Return the checkpoint to go on from, written durably before anything is sent."""
        digest = await self._file.digest()
        identity = self._options.identity(digest)
        found = await self._found(identity)
        if found is not None:
            log.info("resuming", line=found.place.position.line, rows=found.totals.rows)
            self.totals = found.totals
            return found
        start = Place(self._file.read(self._fields).position, 0)
        import_id = f"file/{digest[:16]}/{uuid.uuid4().hex}"
        checkpoint = Checkpoint(identity, import_id, start)
        checkpoint.save(self._options.checkpoint_path)
        return checkpoint

    async def run(self, checkpoint: Checkpoint, rejects: Rejects, stop: Stop) -> Outcome:
        """Send window after window; the next one is read while one is on its way."""
        reader = self._reader(checkpoint, checkpoint.place)
        with progress(self._options.source.name, self._file.size) as report:
            report(checkpoint.place.position.offset, checkpoint.totals)
            window = await asyncio.to_thread(reader.read)
            while window is not None and not stop.requested:
                self._file.check_unchanged()
                reading = asyncio.ensure_future(asyncio.to_thread(reader.read))
                try:
                    checkpoint = await self._import(window, checkpoint, rejects)
                    report(window.end.position.offset, checkpoint.totals)
                    window = await reading
                finally:
                    reading.cancel()
        if window is None:
            self._file.check_unchanged()
            durable.remove(self._options.checkpoint_path)
        return Outcome(checkpoint.totals, finished=window is None)

    async def _import(self, window: Window, before: Checkpoint, rejects: Rejects) -> Checkpoint:
        """Send a window, report its bad rows, and move the checkpoint on, in this order."""
        response = product_pb2.ImportProductsResponse()
        if window.batches:
            response = await self._send(window)
        bad = sorted([*window.skipped, *_rejected(window, response)])
        product_metrics.PRODUCTS.labels("skipped").inc(len(window.skipped))
        after = replace(
            before,
            place=window.end,
            proof=window.start if window.batches else before.proof,
            totals=before.totals.plus(_totals(response, skipped=len(window.skipped))),
            rejects_bytes=rejects.report(bad),
        )
        after.save(self._options.checkpoint_path)
        self.totals = after.totals
        return after

    async def _send(self, window: Window) -> product_pb2.ImportProductsResponse:
        try:
            return await self._importer.send(window.requests())
        except ImportRefusedError as error:
            where = window.where(error.batch_id)
            message = f"{self._options.source}: {where}: {error}; start again to go on from there"
            raise ImportRefusedError(message, error.batch_id) from error

    async def _found(self, identity: str) -> Checkpoint | None:
        """Return the checkpoint of an earlier run, where it holds for this file and server."""
        try:
            found = Checkpoint.load(self._options.checkpoint_path)
        except durable.CorruptFileError as error:
            log.warning("starting at the beginning", reason=str(error))
            return None
        if found is None:
            return None
        if found.identity != identity:
            log.warning("starting at the beginning", reason="the file or the options changed")
            return None
        if not await self._is_known(found):
            log.warning("starting at the beginning", reason="product has lost what it acknowledged")
            return None
        return found

    async def _is_known(self, checkpoint: Checkpoint) -> bool:
        """Ask whether this server has what the checkpoint says was acknowledged.

        A new or restored database would otherwise miss the rows before the checkpoint. The
        batch sent for it has been applied before, or will be.
        """
        if checkpoint.proof is None:
            return True
        reader = self._reader(checkpoint, checkpoint.proof)
        window = await asyncio.to_thread(reader.read)
        if window is None or not window.batches:
            return False
        response = await self._importer.send([window.batches[0].message()])
        return response.repeated_batch_count == 1

    def _reader(self, checkpoint: Checkpoint, place: Place) -> WindowReader:
        return WindowReader(
            self._file.read(self._fields, place.position),
            self._products,
            prefix=checkpoint.import_id,
            chunk=place.chunk,
            rows=self._options.stream_rows,
        )


def _totals(response: product_pb2.ImportProductsResponse, *, skipped: int) -> Totals:
    return Totals(
        inserted=response.inserted_count,
        updated=response.updated_count,
        unchanged=response.unchanged_count,
        rejected=response.rejected_count,
        skipped=skipped,
    )


def _rejected(window: Window, response: product_pb2.ImportProductsResponse) -> list[BadRow]:
    """Return the rows that Product rejected, by their lines."""
    batches = {batch.batch_id: batch for batch in window.batches}
    rows = []
    for rejected in response.rejected_products:
        batch = batches[rejected.batch_id]
        sku = batch.products[rejected.index].sku
        rows.append(BadRow(batch.lines[rejected.index], rejected.field, rejected.description, sku))
    return rows
