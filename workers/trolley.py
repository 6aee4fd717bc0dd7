"""Puts what made-up customers choose into their carts."""

import uuid
from datetime import timedelta

import grpc

from bodega.cart.v1 import cart_pb2, cart_pb2_grpc
from workers import cart_metrics
from workers.patience import Patience, RefusedError
from workers.visit import Visit

# Whose cart goes away as often as this in the middle of a visit does not want one.
CARTS = 3


class Trolley:
    """Fills the cart of whoever visits, and makes it where there is none."""

    def __init__(
        self, stub: cart_pb2_grpc.CartServiceAsyncStub, patience: Patience, *, deadline: timedelta
    ) -> None:
        self._stub = stub
        self._patience = patience
        self._deadline = deadline.total_seconds()
        # The last whose cart was there.
        self._owner = ""

    async def fill(self, visit: Visit) -> cart_pb2.AddItemsResponse:
        """Add the items: once, however often this is done with the same visit.

        Raises RefusedError and StoppedError.
        """
        carts = 0
        while True:
            carts += 1
            await self._have_cart(visit.owner)
            try:
                response = await self._patience.until_answered(lambda: self._add(visit))
            except RefusedError as error:
                if error.code is not grpc.StatusCode.NOT_FOUND or carts == CARTS:
                    raise
                self._owner = ""
            else:
                _count(response)
                return response

    async def _add(self, visit: Visit) -> cart_pb2.AddItemsResponse:
        return await self._stub.AddItems(iter([visit.request()]), timeout=self._deadline)

    async def _have_cart(self, owner: str) -> None:
        """Create the owner's cart, unless there is one."""
        if owner == self._owner:
            return
        # The same id as before a restart, for which the cart of then is given. Where that was
        # deleted since, it is NOT_FOUND.
        if not await self._create(owner, uuid.uuid5(uuid.NAMESPACE_URL, f"cart:{owner}")):
            await self._create(owner, uuid.uuid4())
        self._owner = owner

    async def _create(self, owner: str, request_id: uuid.UUID) -> bool:
        """Return whether there is a cart now."""
        request = cart_pb2.CreateCartRequest(owner=owner, request_id=str(request_id))
        try:
            await self._patience.until_answered(lambda: self._stub.CreateCart(request))
        except RefusedError as error:
            match error.code:
                case grpc.StatusCode.ALREADY_EXISTS:
                    return True
                case grpc.StatusCode.NOT_FOUND:
                    return False
            raise
        return True


def _count(response: cart_pb2.AddItemsResponse) -> None:
    cart_metrics.VISITS.inc()
    cart_metrics.REPEATED.inc(response.repeated_batch_count)
    cart_metrics.ITEMS.labels("added").inc(response.added_count)
    cart_metrics.ITEMS.labels("rejected").inc(response.rejected_count)
    cart_metrics.LAST_SUCCESS.set_to_current_time()
