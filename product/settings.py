"""The settings of the product server."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from runtime.database import parse_url
from runtime.settings import (
    Address,
    Duration,
    ServerSettings,
    SettingsConfigDict,
    TelemetrySettings,
)


def _database_url(value: str) -> str:
    parse_url(value)
    return value


def _default_database() -> str:
    state = Path(os.environ.get("XDG_STATE_HOME", ""))
    if not state.is_absolute():  # As the XDG base directory specification has it.
        state = Path.home() / ".local" / "state"
    return f"sqlite:///{state}/bodega/product.db"


class ProductSettings(ServerSettings, TelemetrySettings):
    """Product server: the catalogue of the shop, over gRPC."""

    model_config = SettingsConfigDict(env_prefix="BODEGA_PRODUCT_")

    listen: Address = "127.0.0.1:50051"
    metrics_listen: Address | None = "127.0.0.1:9051"
    database: Annotated[
        str,
        AfterValidator(_database_url),
        Field(description="where the catalogue is kept: sqlite:///PATH or postgresql://HOST/NAME"),
    ] = _default_database()
    migrate: Annotated[
        bool | None,
        Field(
            description="bring the schema up to date at start; unset: SQLite is, PostgreSQL is"
            " only checked, because older replicas may still use it"
        ),
    ] = None
    watch_poll: Annotated[
        Duration,
        Field(
            ge=timedelta(milliseconds=10),
            description="how often to look for other replicas' changes while somebody watches",
        ),
    ] = timedelta(milliseconds=500)
