"""The cart worker's settings."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from runtime.auth.settings import Audience
from runtime.currencies import EXPONENTS
from runtime.settings import Address, Duration, Settings, SettingsConfigDict
from workers.worker_settings import WorkerSettings

_CODE = re.compile(r"[A-Za-z0-9_-]{1,40}")


def _listed(text: str) -> list[str]:
    """Read `a,b`."""
    return [part.strip() for part in text.split(",") if part.strip()]


def _check_codes(text: str) -> str:
    for code in _listed(text):
        if not _CODE.fullmatch(code):
            raise ValueError(f"{code!r} is no discount code")
    return text


def _check_currencies(text: str) -> str:
    for currency in _listed(text):
        if currency not in EXPONENTS:
            raise ValueError(f"{currency!r} is no currency of ISO 4217")
    if not _listed(text):
        raise ValueError("must be one currency or more, such as EUR,USD")
    return text


class VisitSettings(Settings):
    """Made-up customers."""

    interval: Annotated[
        Duration, Field(gt=timedelta(0), description="time from one visit to the next")
    ] = timedelta(seconds=3)
    items: Annotated[int, Field(ge=1, le=200, description="products put in the cart a visit")] = 5
    visits: Annotated[
        int, Field(ge=1, description="visits of a customer, before the next customer comes")
    ] = 20
    customers: Annotated[
        int, Field(ge=1, description="customers in all; then the first one comes again")
    ] = 1000
    browse: Annotated[
        int, Field(ge=1, le=100_000, description="products looked at in a visit, at most")
    ] = 5000
    codes: Annotated[
        str,
        AfterValidator(_check_codes),
        Field(description="discount codes that customers have: CODE,CODE; empty for none"),
    ] = "WELCOME10,FIVEOFF,EARLYBIRD"
    currencies: Annotated[
        str,
        AfterValidator(_check_currencies),
        Field(description="currencies that customers pay in, each in one: EUR,USD"),
    ] = "EUR,USD,GBP"

    @property
    def discount_codes(self) -> list[str]:
        """What an item may be bought with; none at all where there are no codes."""
        return _listed(self.codes) or [""]

    @property
    def currency_codes(self) -> list[str]:
        """The currency of each customer, in turns."""
        return _listed(self.currencies)


class CartWorkerSettings(VisitSettings, WorkerSettings):
    """The cart worker: made-up customers, who choose products and put them in their carts.

    Exit code: 0 stopped by a signal; 1 the carts refuse it; 2 wrong flags. What was begun is
    finished after a restart, and takes effect once.
    """

    model_config = SettingsConfigDict(env_prefix="BODEGA_CART_WORKER_", cli_prog_name="cart-worker")

    product: Annotated[Address, Field(description="address of Product")] = "127.0.0.1:50051"
    product_tls_roots: Annotated[
        Path | None, Field(description="PEM file of the roots to trust for Product; turns TLS on")
    ] = None
    cart: Annotated[Address, Field(description="address of Cart")] = "127.0.0.1:50052"
    cart_tls_roots: Annotated[
        Path | None, Field(description="PEM file of the roots to trust for Cart; turns TLS on")
    ] = None
    resource: Annotated[
        Audience, Field(description="what Cart's tokens name as their audience (URI)")
    ] = "urn:bodega:cart"
    client_id: str = "cart-worker"
    metrics_listen: Address | None = "127.0.0.1:9062"

    @model_validator(mode="after")
    def _cart_is_safe(self) -> Self:
        self._check_target(
            self.cart, self.cart_tls_roots, flag="--cart", roots_flag="--cart-tls-roots"
        )
        return self
