"""Looks at products on behalf of made-up customers."""

import random
from collections.abc import Sequence
from datetime import timedelta

from bodega.product.v1 import product_pb2, product_pb2_grpc
from workers.patience import Patience

# What Product sends in a message where nothing else is asked for.
CHUNK = 200
_FOR_SALE = (product_pb2.PRODUCT_STATUS_IN_STOCK, product_pb2.PRODUCT_STATUS_LOW)


class Browser:
    """Walks along the catalogue, `most` products further at each look."""

    def __init__(
        self,
        stub: product_pb2_grpc.ProductServiceAsyncStub,
        patience: Patience,
        *,
        deadline: timedelta,
        most: int,
    ) -> None:
        self._stub = stub
        self._patience = patience
        self._deadline = deadline.total_seconds()
        self._most = most
        self._after_id = 0

    async def choose(self, currency: str, count: int) -> Sequence[int]:
        """Return up to `count` products for sale in that currency, each once.

        Raises RefusedError and StoppedError.
        """
        found = await self._look(currency)
        if not found and self._after_id:
            self._after_id = 0
            found = await self._look(currency)
        return random.sample(found, min(count, len(found)))

    async def _look(self, currency: str) -> list[int]:
        """Return the ids of the next products; after the last one the walk begins anew."""
        found = await self._patience.until_answered(lambda: self._stream(currency))
        self._after_id = found[-1] if len(found) >= self._most else 0
        return found

    async def _stream(self, currency: str) -> list[int]:
        request = product_pb2.StreamProductsRequest(
            after_id=self._after_id,
            filter=product_pb2.ProductFilter(statuses=_FOR_SALE, currency_code=currency),
            chunk_size=min(self._most, CHUNK),
        )
        call = self._stub.StreamProducts(request, timeout=self._deadline)
        found: list[int] = []
        async for response in call:
            found += [product.id for product in response.products]
            if len(found) >= self._most:
                call.cancel()
                break
        return found[: self._most]
