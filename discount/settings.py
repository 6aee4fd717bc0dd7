"""The settings of the discount server."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from runtime.auth.settings import Audience, VerifierSettings
from runtime.database_settings import DatabaseSettings, DatabaseUrl, default_database
from runtime.settings import (
    Address,
    ListenAddress,
    ServerSettings,
    SettingsConfigDict,
    TelemetrySettings,
)


class DiscountSettings(ServerSettings, DatabaseSettings, VerifierSettings, TelemetrySettings):
    """Discount server: the discount codes of the shop, over gRPC."""

    model_config = SettingsConfigDict(
        env_prefix="BODEGA_DISCOUNT_", cli_prog_name="discount-server"
    )

    listen: ListenAddress = "127.0.0.1:50053"
    metrics_listen: Address | None = "127.0.0.1:9053"
    database: DatabaseUrl = default_database("discount")
    audience: Audience = "urn:bodega:discount"
    codes: Annotated[
        Path | None,
        Field(
            description="TOML file of discounts to make at start where their codes are missing;"
            " those that are there stay as they are"
        ),
    ] = None
