"""A client of live sessions, as tests want it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from google.rpc import status_pb2
from grpc import aio

from bodega.cart.v1 import cart_pb2 as pb

if TYPE_CHECKING:
    from cart.tests.examples import Stub

SECONDS = 60


class Session:
    """One SyncCart call; it keeps all that it has received."""

    def __init__(self, call: Any) -> None:
        self.call = call
        self.states: list[pb.CartState] = []
        self.results: list[pb.OperationResult] = []

    @classmethod
    @asynccontextmanager
    async def opened(cls, stub: Stub, owner: str = "", **how: Any) -> AsyncIterator[Session]:
        """Open a session and receive its first state; give it up at the end."""
        session = cls(stub.SyncCart(**how))
        try:
            await session.call.write(pb.SyncCartRequest(open=pb.OpenSession(owner=owner)))
            await session.state()
            yield session
        finally:
            session.call.cancel()

    async def send(self, operation_id: str, **change: Any) -> None:
        operation = pb.CartOperation(operation_id=operation_id, **change)
        await self.call.write(pb.SyncCartRequest(operation=operation))

    async def add(self, operation_id: str, *items: pb.NewItem, **fields: Any) -> None:
        await self.send(operation_id, add=pb.AddOperation(items=items, **fields))

    async def receive(self) -> pb.SyncCartResponse | None:
        """Return the next message, None at the end of the session."""
        async with asyncio.timeout(SECONDS):
            response = await self.call.read()
        if response is aio.EOF:
            return None
        match response.WhichOneof("message"):
            case "state":
                self.states.append(response.state)
            case "result":
                self.results.append(response.result)
        assert isinstance(response, pb.SyncCartResponse)
        return response

    async def state(self) -> pb.Cart | None:
        """Return the cart of the next message, which must be a state."""
        response = await self.receive()
        assert response is not None
        assert response.WhichOneof("message") == "state"
        return cart_in(response.state)

    async def result(self) -> pb.OperationResult:
        """Return the next result, whatever states come before it."""
        while True:
            response = await self.receive()
            assert response is not None
            if response.WhichOneof("message") == "result":
                return response.result

    async def until(self, etag: str) -> pb.Cart:
        """Return the cart as soon as it is in the state with that etag."""
        while True:
            cart = cart_in(self.states[-1])
            if cart is not None and cart.etag == etag:
                return cart
            assert await self.receive() is not None

    async def finish(self) -> None:
        """End our side, and receive the rest."""
        await self.call.done_writing()
        while await self.receive() is not None:
            pass


def cart_in(state: pb.CartState) -> pb.Cart | None:
    return state.cart if state.HasField("cart") else None


def status_of(error: aio.AioRpcError) -> status_pb2.Status:
    """Return the whole status that a call ended with."""
    trailers = dict(error.trailing_metadata() or ())
    return status_pb2.Status.FromString(bytes(trailers["grpc-status-details-bin"]))
