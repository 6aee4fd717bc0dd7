"""The real servers as processes: who issues the tokens, and who wants them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from e2e.rotation.balancer import Balancer
from runtime.testing.server_process import serving, untroubled

CLIENT = "product-worker"

# Keys sign for long enough that a verifier, which fetches the key of each token that it has not
# seen, is allowed to: ten at once, and one in five seconds.
_ROTATION = ("--key-period", "1500ms", "--key-announce", "1400ms", "--key-poll", "50ms")
# A source of tokens renews within the test, and a token outlives the turns of many keys.
_LIFETIMES = ("--access-token-lifetime", "12s", "--id-token-lifetime", "12s")


@asynccontextmanager
async def identity(home: Path, database: str, *, replicas: int) -> AsyncIterator[str]:
    """Run replicas of the identity server on one database; yield the issuer that they are."""
    async with AsyncExitStack() as stack:
        balancer = await stack.enter_async_context(Balancer.running())
        issuer = f"http://{balancer.address}"
        store = ("--database", database, "--migrate", "--data", str(home))
        flags = ("--issuer", issuer, *store, *_ROTATION, *_LIFETIMES)
        for _ in range(replicas):
            server = serving("identity.server", *flags, home=home)
            process, address = await stack.enter_async_context(server)
            await stack.enter_async_context(untroubled(process))
            balancer.add(address)
        yield issuer


@asynccontextmanager
async def product(home: Path, issuer: str, engine: str) -> AsyncIterator[str]:
    """Run a product server that trusts the issuer; yield its address."""
    flags = ("--issuer", issuer, "--engine", engine)
    async with (
        serving("product.server", *flags, home=home) as (process, address),
        untroubled(process),
    ):
        yield address
