"""The real programs as processes, and what they log."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from bodega.cart.v1 import cart_pb2, cart_pb2_grpc
from bodega.product.v1 import product_pb2, product_pb2_grpc
from runtime.client import connect
from runtime.testing.issuer import LoopbackIssuer
from runtime.testing.one_token import OneToken

TIMEOUT_SECONDS = 240

type Event = Mapping[str, Any]


class Program:
    """A program of ours that runs, with the events that it has logged so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.events: list[Event] = []
        self.text = ""
        self._said_all = False
        self._changed = asyncio.Condition()
        self._reading = asyncio.ensure_future(self._read())

    @classmethod
    @asynccontextmanager
    async def running(
        cls, module: str, *flags: str, before: Callable[[], None] | None = None
    ) -> AsyncIterator[Program]:
        """Run the module; kill it at the end, where it has not ended by then."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module, "--log-format", "json", *flags),
            stderr=asyncio.subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            preexec_fn=before,
        )
        program = cls(process)
        try:
            yield program
        finally:
            if process.returncode is None:
                process.kill()
            await program.ended()

    async def event(self, name: str, nth: int = 1) -> Event:
        """Wait until it logs that for the nth time."""
        async with asyncio.timeout(TIMEOUT_SECONDS), self._changed:
            await self._changed.wait_for(lambda: len(self.named(name)) >= nth or self._said_all)
        found = self.named(name)
        assert len(found) >= nth, f"it ended without {name!r}: {self.text}"
        return found[nth - 1]

    def named(self, name: str) -> list[Event]:
        return [event for event in self.events if event.get("event") == name]

    async def ended(self) -> int:
        """Wait for its end; return its exit code."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await self._reading
            return await self.process.wait()

    async def kill(self) -> None:
        """End it as `kill -9` does."""
        self.process.send_signal(signal.SIGKILL)
        assert await self.ended() == -signal.SIGKILL

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            async with self._changed:
                self.text += line.decode()
                if line.startswith(b"{"):
                    self.events.append(json.loads(line))
                self._changed.notify_all()
        async with self._changed:
            self._said_all = True
            self._changed.notify_all()


class Servers:
    """Starts servers on databases in a folder, each ended with the block at the latest."""

    def __init__(self, folder: Path, stack: AsyncExitStack, issuer: LoopbackIssuer) -> None:
        self.issuer = issuer
        self._folder = folder
        self._stack = stack

    async def _serve(self, service: str, name: str, *flags: str) -> tuple[Program, str]:
        program = await self._stack.enter_async_context(
            Program.running(
                f"{service}.server",
                *("--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"),
                *("--database", f"sqlite:///{self._folder}/{name}.db"),
                *("--issuer", self.issuer.url, *flags),
            )
        )
        serving = await program.event("serving")
        return program, str(serving["address"])


class ProductServers(Servers):
    """Product, once or more."""

    @property
    def tokens(self) -> OneToken:
        """A token with which one may import."""
        return OneToken(self.issuer.token("urn:bodega:product", "catalog.write"))

    async def start(self, name: str = "product") -> tuple[Program, str]:
        """Return a server that serves, and its address."""
        return await self._serve("product", name)


class CartServers(Servers):
    """Discount, and Cart before it and Product."""

    @property
    def tokens(self) -> OneToken:
        """A token with which one may see every cart."""
        return OneToken(self.issuer.token("urn:bodega:cart", "carts", "carts.manage"))

    async def discount(self) -> tuple[Program, str]:
        """Return a server that serves and has the code WELCOME10, and its address."""
        codes = self._folder / "codes.toml"
        codes.write_text('[[discount]]\ncode = "WELCOME10"\npercent = "10"\n')
        return await self._serve("discount", "discount", "--codes", str(codes))

    async def start(self, product: str, discount: str) -> tuple[Program, str]:
        """Return a server that serves, and its address."""
        secret = self.issuer.write_secret(self._folder, "cart")
        flags = ("--product", product, "--discount", discount, "--client-secret-file", str(secret))
        return await self._serve("cart", "cart", *flags)


async def catalogue(address: str) -> list[product_pb2.Product]:
    """Return all the products that a server has."""
    service = product_pb2.DESCRIPTOR.services_by_name["ProductService"]
    async with connect(address, service) as channel:
        stub = product_pb2_grpc.ProductServiceStub(channel)
        return [
            product
            async for response in stub.StreamProducts(product_pb2.StreamProductsRequest())
            for product in response.products
        ]


async def carts(address: str, tokens: OneToken) -> list[cart_pb2.Cart]:
    """Return all the carts that a server has, with their items."""
    service = cart_pb2.DESCRIPTOR.services_by_name["CartService"]
    async with connect(address, service, tokens=tokens) as channel:
        stub = cart_pb2_grpc.CartServiceStub(channel)
        listed = await stub.ListCarts(cart_pb2.ListCartsRequest())
        asked = [cart_pb2.GetCartRequest(owner=cart.owner) for cart in listed.carts]
        return [(await stub.GetCart(request)).cart for request in asked]
