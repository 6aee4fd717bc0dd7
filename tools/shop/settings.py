"""The shop's own settings: flags `--…`, environment `BODEGA_SHOP_…`."""

import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, create_model, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from runtime.settings import Duration, Settings, load
from tools.shop.part import Part
from tools.shop.ports import Choice

_DESCRIPTION = """Start the whole shop in one terminal, and keep it running until q, Ctrl-C or
SIGTERM. Settings of a part pass through its own environment, for example
BODEGA_PRODUCT_WORKER_INTERVAL=1s or BODEGA_PRODUCT_LOG_LEVEL=debug."""


def here() -> Path:
    """Return the folder that the user is in, which `bazel run` leaves."""
    return Path(os.environ.get("BUILD_WORKING_DIRECTORY", ".")).absolute()


class _Base(Settings):
    model_config = SettingsConfigDict(env_prefix="BODEGA_SHOP_", cli_prog_name="shop")


class ShopSettings(_Base):
    """Running."""

    data: Annotated[
        Path | None,
        Field(
            description="folder of databases and logs, for one shop at a time; where unset, "
            "$XDG_STATE_HOME/bodega or ~/.local/state/bodega"
        ),
    ] = None
    ephemeral: Annotated[
        bool, Field(description="use a temporary folder, removed at the end, instead of --data")
    ] = False
    ports: Annotated[
        str,
        Field(
            pattern=r"^(default|auto|[1-9]\d{0,4})$",
            description="default: those below; auto: free ones; a number: a row that starts there",
        ),
    ] = "default"
    screen: Annotated[
        Literal["auto", "live", "plain"],
        Field(description="auto is live on a terminal and plain lines elsewhere"),
    ] = "auto"
    start_timeout: Annotated[
        Duration, Field(gt=timedelta(0), description="how long a part may take to become healthy")
    ] = timedelta(seconds=60)
    grace: Annotated[
        Duration,
        Field(ge=timedelta(0), description="how long a part may take to end when asked"),
    ] = timedelta(seconds=15)

    @field_validator("data")
    @classmethod
    def _from_where_the_user_is(cls, value: Path | None) -> Path | None:
        return None if value is None else here() / value.expanduser()

    @model_validator(mode="after")
    def _one_folder(self) -> Self:
        if self.ephemeral and self.data is not None:
            message = "--ephemeral and --data exclude each other"
            raise ValueError(message)
        return self

    @property
    def port_choice(self) -> Choice:
        """Where ports come from that have no flag of their own."""
        match self.ports:
            case "default" | "auto" as name:
                return name
            case base:
                return int(base)

    @property
    def duration(self) -> timedelta | None:
        """How long an unattended run lasts; None to run until told to stop."""
        value: timedelta | None = getattr(self, "for")
        return value

    def moved_ports(self, parts: Sequence[Part]) -> dict[str, int]:
        """Return the ports that have been chosen one by one, by name."""
        names = [port.name for part in parts for port in part.ports]
        return {n: getattr(self, _field(n)) for n in names if _field(n) in self.model_fields_set}


def read_settings(parts: Sequence[Part], argv: Sequence[str] | None) -> ShopSettings:
    """Read the settings, with a flag for each port that the parts declare."""
    ports = create_model(
        "PortSettings", __base__=_Base, __doc__="Single ports.", **_port_fields(parts)
    )
    # mypy takes the first base for the type of all.
    bases: Any = (_WithFor, ports)
    whole: type[ShopSettings] = create_model("Shop", __base__=bases, __doc__=_DESCRIPTION)
    return load(whole, argv)


def _port_fields(parts: Sequence[Part]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for part in parts:
        for port in part.ports:
            what = "/metrics, /healthz and /readyz" if port is part.metrics else "its listener"
            description = f"port of {part.name}: {what}"
            kind = Annotated[int, Field(ge=1, le=65535, description=description)]
            fields[_field(port.name)] = (kind, port.default)
    return fields


def _field(port: str) -> str:
    return f"{port.replace('-', '_')}_port"


# `for` is a keyword, so it cannot stand in a class body.
_for_field: dict[str, Any] = {
    "for": (
        Annotated[
            Duration | None,
            Field(
                gt=timedelta(0),
                description="run this long once all is healthy, print a summary, and exit with 0 "
                "only if all was well",
            ),
        ],
        None,
    )
}
_WithFor = create_model("RunSettings", __base__=ShopSettings, __doc__="Unattended.", **_for_field)
