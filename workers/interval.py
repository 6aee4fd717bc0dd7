"""The mode without a file: made-up products, every interval."""

import asyncio
from datetime import timedelta
from pathlib import Path

from runtime.logs import get_logger
from workers import durable
from workers.durable import CorruptFileError
from workers.generator import Generator
from workers.importer import Importer, ImportFailedError
from workers.patience import StoppedError
from workers.product_settings import MadeUpSettings
from workers.state import WorkerState
from workers.stop import Stop

log = get_logger("product_worker")


async def feed(importer: Importer, stop: Stop, settings: MadeUpSettings, state_path: Path) -> None:
    """Send the products of each interval until asked to stop.

    The state moves on only after the acknowledgement, or once Product has failed at them for
    good: whatever breaks before, the same batches are sent again, and Product recognises them.
    """
    with durable.owned(state_path):
        state = _load(state_path)
        generator = Generator(state.worker_id, settings.catalogue_size, settings.batch)
        log.info("making products", worker=state.worker_id, sequence=state.sequence)
        pause = timedelta(0)
        while not await stop.within(pause):
            began = asyncio.get_running_loop().time()
            try:
                await _send(importer, generator, state.sequence)
            except StoppedError:
                return
            state = state.next()
            state.save(state_path)
            took = timedelta(seconds=asyncio.get_running_loop().time() - began)
            pause = max(settings.interval - took, timedelta(0))


async def _send(importer: Importer, generator: Generator, sequence: int) -> None:
    """Send the products of one interval; give up those that Product fails at each time."""
    try:
        response = await importer.send(generator.requests(sequence))
    except ImportFailedError as error:
        # Nobody waits for just these.
        log.warning("products given up", sequence=sequence, batch=error.batch_id, reason=str(error))
        return
    log.info(
        "products imported",
        sequence=sequence,
        inserted=response.inserted_count,
        updated=response.updated_count,
        unchanged=response.unchanged_count,
        rejected=response.rejected_count,
    )


def _load(path: Path) -> WorkerState:
    try:
        return WorkerState.load_or_create(path)
    except CorruptFileError as error:
        state = WorkerState.create(path)
        log.warning("starting as a new worker", reason=str(error), worker=state.worker_id)
        return state
