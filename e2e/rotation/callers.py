"""Those who fetch tokens and make guarded calls, until the keys have rotated often enough."""

import time
from collections import deque
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import override

import httpx
import jwt
from google.protobuf import field_mask_pb2
from google.type import money_pb2
from grpc import aio

from bodega.product.v1 import product_pb2, product_pb2_grpc
from e2e.rotation.servers import CLIENT
from runtime.auth.issuer import Issuer
from runtime.auth.secret_file import read_secret
from runtime.auth.token_source import Client, TokenSource
from runtime.client import connect

SERVICE = product_pb2.DESCRIPTOR.services_by_name["ProductService"]
RESOURCE = "urn:bodega:product"
SCOPE = "catalog.write"
# A token is old once so many keys were in use since the one that signed it.
OLD = 3
# Nobody begins a call with a token that has less than this to live.
_RESERVE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Issued:
    """A token, the key that signed it, and when it ends on the monotonic clock."""

    token: str
    kid: str
    end: float


@dataclass
class Load:
    """Where the servers are, and what the callers have seen of them so far."""

    issuer: str
    secret_file: Path
    product: str
    rotations: int
    # The keys that signed what the product server took, in the order of their turns.
    signers: list[str] = field(default_factory=list)
    # Those whose tokens it saw for the first time when they were old.
    retired: set[str] = field(default_factory=set)
    # The keys that signed each source's tokens.
    sources: list[set[str]] = field(default_factory=list)
    _numbers: count[int] = field(default_factory=count)

    @property
    def is_over(self) -> bool:
        """Whether the keys have rotated often enough, under tokens old and new.

        However often that is in the time that it takes: a token that was held up is not used late.
        """
        return (
            len(self.signers) > self.rotations
            and len(self.retired) >= self.rotations // 2  # Tokens outlive the turn of their key.
            and all(len(kids) > 1 for kids in self.sources)  # Each has renewed its token.
        )

    async def write(
        self, stub: product_pb2_grpc.ProductServiceAsyncStub, issued: Issued | None = None
    ) -> None:
        """Create a product and change it, with a token at hand or those of the stub's channel."""
        metadata = aio.Metadata(*_authorization(issued))
        product = _product(next(self._numbers))
        request = product_pb2.CreateProductRequest(product=product)
        created = (await stub.CreateProduct(request, metadata=metadata)).product
        created.name = "Another name"
        mask = field_mask_pb2.FieldMask(paths=["name"])
        change = product_pb2.UpdateProductRequest(product=created, update_mask=mask)
        await stub.UpdateProduct(change, metadata=metadata)

    def signed(self, kid: str) -> None:
        """Note that a token of this key was taken."""
        if kid not in self.signers:
            self.signers.append(kid)

    def is_old(self, issued: Issued) -> bool:
        """Whether the key of a token has retired a while ago."""
        return self.signers.index(issued.kid) + OLD < len(self.signers)


class Unrefused(TokenSource):
    """A source of tokens of which none may be refused: its channel would try another."""

    @override
    def drop(self, token: str) -> bool:
        raise AssertionError("a token was refused")


async def with_a_source(load: Load) -> None:
    """Write with the tokens of one source."""
    client = Client(CLIENT, load.secret_file, RESOURCE, frozenset({SCOPE}))
    kids: set[str] = set()
    load.sources.append(kids)
    async with (
        Unrefused(Issuer(load.issuer), client) as tokens,
        connect(load.product, SERVICE, tokens=tokens) as channel,
    ):
        stub = product_pb2_grpc.ProductServiceStub(channel)
        while not load.is_over:
            kids.add(_kid(await tokens.token()))
            await load.write(stub)


async def by_hand(load: Load) -> None:
    """Fetch two tokens at a time: use one at once, the other for the first time when it is old."""
    kept: deque[Issued] = deque()
    async with httpx.AsyncClient(timeout=60) as http, connect(load.product, SERVICE) as channel:
        stub = product_pb2_grpc.ProductServiceStub(channel)
        while not load.is_over:
            fresh = await _fetch(load, http)
            await load.write(stub, fresh)
            load.signed(fresh.kid)
            kept.append(await _fetch(load, http))
            load.signed(kept[-1].kid)
            while load.is_old(kept[0]):
                await _use_late(load, stub, kept.popleft())


async def _use_late(
    load: Load, stub: product_pb2_grpc.ProductServiceAsyncStub, issued: Issued
) -> None:
    if time.monotonic() < issued.end - _RESERVE_SECONDS:
        await load.write(stub, issued)
        load.retired.add(issued.kid)


async def _fetch(load: Load, http: httpx.AsyncClient) -> Issued:
    form = {"grant_type": "client_credentials", "resource": RESOURCE, "scope": SCOPE}
    # By a connection of its own, so that the replicas take turns.
    response = await http.post(
        f"{load.issuer}/token",
        data=form,
        auth=(CLIENT, read_secret(load.secret_file)),
        headers={"Connection": "close"},
    )
    assert response.status_code == 200, response.text
    body = response.json()
    end = time.monotonic() + body["expires_in"]
    return Issued(body["access_token"], _kid(body["access_token"]), end)


def _kid(token: str) -> str:
    kid: str = jwt.get_unverified_header(token)["kid"]
    return kid


def _authorization(issued: Issued | None) -> list[tuple[str, str]]:
    return [] if issued is None else [("authorization", f"Bearer {issued.token}")]


def _product(number: int) -> product_pb2.Product:
    return product_pb2.Product(
        sku=f"S{number}",
        name=f"Product {number}",
        price=money_pb2.Money(currency_code="EUR", units=12),
        status=product_pb2.PRODUCT_STATUS_IN_STOCK,
    )
