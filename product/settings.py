"""The settings of the product server."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from runtime.auth.settings import Audience, VerifierSettings
from runtime.database_settings import DatabaseSettings, DatabaseUrl, default_database
from runtime.settings import (
    Address,
    Duration,
    ListenAddress,
    ServerSettings,
    SettingsConfigDict,
    TelemetrySettings,
)


class ProductSettings(ServerSettings, DatabaseSettings, VerifierSettings, TelemetrySettings):
    """Product server: the catalogue of the shop, over gRPC."""

    model_config = SettingsConfigDict(env_prefix="BODEGA_PRODUCT_", cli_prog_name="product-server")

    listen: ListenAddress = "127.0.0.1:50051"
    metrics_listen: Address | None = "127.0.0.1:9051"
    database: DatabaseUrl = default_database("product")
    audience: Audience = "urn:bodega:product"
    watch_poll: Annotated[
        Duration,
        Field(
            ge=timedelta(milliseconds=10),
            description="how often to look for other replicas' changes while somebody watches",
        ),
    ] = timedelta(milliseconds=500)
