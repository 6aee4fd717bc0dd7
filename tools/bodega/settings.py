"""The settings: flags `--…`, environment `BODEGA_…`."""

import ssl
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from runtime.auth.settings import IssuerSettings
from runtime.settings import Address, Settings, SettingsConfigDict
from runtime.state_folder import state_folder

_SYSTEM = Path("system")


def _check_roots(path: Path) -> Path:
    """Find the file; `system` is that of this machine's own roots."""
    if path == _SYSTEM:
        path = Path(ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt")
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    return path


class TargetSettings(Settings):
    """Where the shop is."""

    product: Annotated[Address, Field(description="address of Product")] = "127.0.0.1:50051"
    cart: Annotated[Address, Field(description="address of Cart")] = "127.0.0.1:50052"
    discount: Annotated[Address, Field(description="address of Discount")] = "127.0.0.1:50053"
    tls_roots: Annotated[
        Annotated[Path, AfterValidator(_check_roots)] | None,
        Field(
            description="PEM file of the roots to trust for these three, or `system` for this"
            " machine's own; turns TLS on"
        ),
    ] = None


class LoginSettings(Settings):
    """Who you are."""

    profile: Annotated[
        str,
        Field(
            pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$",
            description="which of your log-ins: one for each name, such as operator",
        ),
    ] = "default"
    state: Annotated[Path, Field(description="folder of the log-ins")] = state_folder() / "cli"


class BodegaSettings(TargetSettings, IssuerSettings, LoginSettings):
    """The shop from a terminal: log in, look at products, fill carts, make discounts."""

    model_config = SettingsConfigDict(env_prefix="BODEGA_", cli_prog_name="bodega")

    @property
    def has_own_issuer(self) -> bool:
        """Whether the user names an issuer, rather than leaving it to the log-in."""
        return "issuer" in self.model_fields_set
