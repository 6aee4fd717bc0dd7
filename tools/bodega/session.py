"""What a command works with: the settings, the screen, the log-in and the shop's servers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from google.protobuf.descriptor import ServiceDescriptor
from grpc import aio

from bodega.cart.v1 import cart_pb2, cart_pb2_grpc
from bodega.discount.v1 import discount_pb2, discount_pb2_grpc
from bodega.product.v1 import product_pb2, product_pb2_grpc
from runtime.auth.issuer import Issuer
from runtime.client import Channel, connect
from runtime.transport import PlaintextError
from tools.bodega.failure import LOG_IN, Exit, Failure, of_rpc
from tools.bodega.login.login_file import Login, LoginFile
from tools.bodega.login.oauth import OAuth
from tools.bodega.login.server_tokens import (
    ClientTokens,
    ServerTokens,
    UserTokens,
    not_logged_in,
)
from tools.bodega.screen import Screen
from tools.bodega.settings import BodegaSettings

if TYPE_CHECKING:
    # Their methods await; only type checkers know them.
    type Products = product_pb2_grpc.ProductServiceAsyncStub
    type Discounts = discount_pb2_grpc.DiscountServiceAsyncStub
    type Carts = cart_pb2_grpc.CartServiceAsyncStub

PRODUCT, CART, DISCOUNT = "urn:bodega:product", "urn:bodega:cart", "urn:bodega:discount"

_PRODUCTS = product_pb2.DESCRIPTOR.services_by_name["ProductService"]
_DISCOUNTS = discount_pb2.DESCRIPTOR.services_by_name["DiscountService"]
_CARTS = cart_pb2.DESCRIPTOR.services_by_name["CartService"]


class Session:
    """One run of the program."""

    def __init__(self, settings: BodegaSettings, screen: Screen) -> None:
        self.settings = settings
        self.screen = screen
        self.login_file = LoginFile(settings.state, settings.profile)

    def oauth(self, login: Login | None = None) -> OAuth:
        """Return the issuer's endpoints: of the log-in, else of the settings."""
        settings = self.settings
        url = settings.issuer if login is None else login.issuer
        roots, trust_network = settings.issuer_roots, settings.trust_network
        try:
            return OAuth(Issuer(url, roots=roots, trust_network=trust_network))
        except PlaintextError as error:
            raise _plaintext(error, "--issuer") from error

    def login(self) -> Login:
        """Return who is logged in. Failure where nobody is, or at another issuer."""
        login = self.login_file.read()
        if login is None:
            raise not_logged_in(self.login_file)
        if self.settings.has_own_issuer and login.issuer != self.settings.issuer:
            message = f"you are logged in at {login.issuer}, not at {self.settings.issuer}"
            hint = f"{LOG_IN} (and --profile NAME to keep both)"
            raise Failure(message, "OTHER_ISSUER", hint, Exit.NOT_LOGGED_IN)
        return login

    def user_tokens(self, login: Login, resource: str) -> ServerTokens:
        """Return the tokens of a user for one of the servers."""
        return ServerTokens(UserTokens(self.oauth(login), self.login_file, resource))

    @asynccontextmanager
    async def products(self, *scopes: str) -> AsyncIterator[Products]:
        """Connect to Product; without scopes as a stranger, which is enough for reading."""
        async with self._connected(self.settings.product, _PRODUCTS, PRODUCT, scopes) as channel:
            yield product_pb2_grpc.ProductServiceStub(channel)

    @asynccontextmanager
    async def discounts(self, *scopes: str) -> AsyncIterator[Discounts]:
        """Connect to Discount."""
        channel = self._connected(self.settings.discount, _DISCOUNTS, DISCOUNT, scopes)
        async with channel as connected:
            yield discount_pb2_grpc.DiscountServiceStub(connected)

    @asynccontextmanager
    async def carts(self, *scopes: str) -> AsyncIterator[Carts]:
        """Connect to Cart."""
        async with self._connected(self.settings.cart, _CARTS, CART, scopes) as channel:
            yield cart_pb2_grpc.CartServiceStub(channel)

    @asynccontextmanager
    async def _connected(
        self, target: str, service: ServiceDescriptor, resource: str, scopes: tuple[str, ...]
    ) -> AsyncIterator[Channel]:
        """Connect; what calls fail with inside the block becomes what the user is told."""
        name = service.name.removesuffix("Service")
        try:
            channel = connect(
                target,
                service,
                tls_roots=self.settings.tls_roots,
                tokens=self._tokens(resource, scopes),
                trust_network=self.settings.trust_network,
            )
        except PlaintextError as error:
            raise _plaintext(error, f"--{name.lower()}") from error
        async with channel:
            try:
                yield channel
            except aio.AioRpcError as error:
                raise of_rpc(error, f"{name} at {target}") from error

    def _tokens(self, resource: str, scopes: tuple[str, ...]) -> ServerTokens | None:
        """Return the tokens for calls to a server, None for those that need none."""
        if not scopes:
            return None
        login = self.login()
        if login.secret_file is None:
            return self.user_tokens(login, resource)
        return ServerTokens(ClientTokens(self.oauth(login), login, resource, frozenset(scopes)))


def _plaintext(error: PlaintextError, flag: str) -> Failure:
    hint = "Use --issuer https://…" if flag == "--issuer" else "--tls-roots turns TLS on."
    message = f"{flag}: {error}, and would see your token"
    return Failure(
        message, "PLAINTEXT", f"{hint} --trust-network if nobody else listens.", Exit.USAGE
    )
