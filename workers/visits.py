"""Made-up customers who visit the shop, every interval."""

import asyncio
import random
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path

import grpc

from runtime.logs import get_logger
from runtime.tracing import TraceSource
from workers import cart_metrics, durable
from workers.browser import Browser
from workers.cart_settings import VisitSettings
from workers.cart_state import CartWorkerState
from workers.durable import CorruptFileError
from workers.patience import FailedError, RefusedError, StoppedError
from workers.stop import Stop
from workers.trolley import Trolley
from workers.visit import Choice, Visit

log = get_logger("cart_worker")

# What is wrong with this visit and not with us: the next one may do better.
_VISIT_AT_FAULT = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.NOT_FOUND,
    }
)
MOST_UNITS = 3


class Visits:
    """Lets one customer after the other choose products and put them in the cart."""

    def __init__(
        self,
        browser: Browser,
        trolley: Trolley,
        settings: VisitSettings,
        traces: TraceSource | None = None,
    ) -> None:
        self._browser = browser
        self._trolley = trolley
        self._settings = settings
        self._traces = traces

    async def go_on(self, stop: Stop, path: Path) -> None:
        """Make a visit each interval until asked to stop.

        What a visit puts in the cart is written down before it is sent: whatever breaks before
        the acknowledgement, the same is sent again, and Cart recognises it.
        """
        with durable.owned(path):
            state = _load(path)
            log.info("visiting", worker=state.worker_id, sequence=state.sequence)
            pause = timedelta(0)
            while not await stop.within(pause):
                began = asyncio.get_running_loop().time()
                try:
                    with self._traces.begin("visit") if self._traces else nullcontext():
                        state = await self._visit(state, path)
                except StoppedError:
                    return
                took = timedelta(seconds=asyncio.get_running_loop().time() - began)
                pause = max(self._settings.interval - took, timedelta(0))

    async def _visit(self, state: CartWorkerState, path: Path) -> CartWorkerState:
        visit = state.visit
        if visit is None:
            try:
                visit = await self._plan(state)
            except FailedError as error:
                log.warning("no products seen", reason=str(error))
                return state
            if not visit.choices:
                log.info("nothing to buy", owner=visit.owner)
                return state
            state = state.begin(visit)
            state.save(path)
        await self._buy(visit)
        state = state.next()
        state.save(path)
        return state

    async def _plan(self, state: CartWorkerState) -> Visit:
        settings = self._settings
        customer = state.sequence // settings.visits % settings.customers
        currencies = settings.currency_codes
        products = await self._browser.choose(
            currencies[customer % len(currencies)], settings.items
        )
        return Visit(
            owner=f"customer-{state.worker_id[:12]}-{customer}",
            batch_id=f"visit/{state.worker_id}/{state.sequence}",
            choices=[self._choice(product_id) for product_id in products],
        )

    def _choice(self, product_id: int) -> Choice:
        quantity = random.randint(1, MOST_UNITS)  # noqa: S311 (no secret)
        return Choice(product_id, quantity, random.choice(self._settings.discount_codes))  # noqa: S311

    async def _buy(self, visit: Visit) -> None:
        """Put it in the cart; give up what Cart fails at each time, or says is wrong."""
        try:
            response = await self._trolley.fill(visit)
        except RefusedError as error:
            if not isinstance(error, FailedError) and error.code not in _VISIT_AT_FAULT:
                raise
            cart_metrics.ABANDONED.inc()
            log.warning("visit given up", batch=visit.batch_id, reason=str(error))
            return
        log.info(
            "items added",
            owner=visit.owner,
            added=response.added_count,
            rejected=response.rejected_count,
            repeated=bool(response.repeated_batch_count),
            lines=response.cart.totals.item_count,
        )


def _load(path: Path) -> CartWorkerState:
    try:
        return CartWorkerState.load_or_create(path)
    except CorruptFileError as error:
        state = CartWorkerState.create(path)
        log.warning("starting as a new worker", reason=str(error), worker=state.worker_id)
        return state
