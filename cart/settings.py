"""The settings of the cart server."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from runtime.auth.settings import Audience, ClientSettings, VerifierSettings
from runtime.database_settings import DatabaseSettings, DatabaseUrl, default_database
from runtime.settings import (
    Address,
    Duration,
    ListenAddress,
    ServerSettings,
    Settings,
    SettingsConfigDict,
    TelemetrySettings,
)


class PriceSettings(Settings):
    """Prices and discounts."""

    product: Annotated[Address, Field(description="address of Product")] = "127.0.0.1:50051"
    product_tls_roots: Annotated[
        Path | None, Field(description="PEM file of the roots to trust for Product; turns TLS on")
    ] = None
    discount: Annotated[Address, Field(description="address of Discount")] = "127.0.0.1:50053"
    discount_tls_roots: Annotated[
        Path | None, Field(description="PEM file of the roots to trust for Discount; turns TLS on")
    ] = None
    resource: Annotated[
        Audience, Field(description="what Discount's tokens name as their audience (URI)")
    ] = "urn:bodega:discount"


class CartSettings(
    ServerSettings,
    DatabaseSettings,
    PriceSettings,
    VerifierSettings,
    ClientSettings,
    TelemetrySettings,
):
    """Cart server: the carts of the shop, over gRPC."""

    model_config = SettingsConfigDict(env_prefix="BODEGA_CART_", cli_prog_name="cart-server")

    listen: ListenAddress = "127.0.0.1:50052"
    metrics_listen: Address | None = "127.0.0.1:9052"
    database: DatabaseUrl = default_database("cart")
    audience: Audience = "urn:bodega:cart"
    client_id: str = "cart"
    watch_poll: Annotated[
        Duration,
        Field(
            ge=timedelta(milliseconds=10),
            description="how often to look for other replicas' changes while somebody watches",
        ),
    ] = timedelta(milliseconds=500)

    @model_validator(mode="after")
    def _discount_is_safe(self) -> Self:
        flags = {"flag": "--discount", "roots_flag": "--discount-tls-roots"}
        self._check_target(self.discount, self.discount_tls_roots, **flags)
        return self
