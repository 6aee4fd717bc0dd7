"""Typed settings out of flags and environment, read once in main.

A flag wins over its environment variable, which wins over the default. What is required
has no default, and its absence stops the start with a message that names the flag.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from runtime.duration import parse_duration
from runtime.engine import UNIX, Engine, TlsFiles, resolve
from runtime.flags import load, program_name

__all__ = [
    "Address",
    "Duration",
    "ListenAddress",
    "MonitoringSettings",
    "ServerSettings",
    "Settings",
    "SettingsConfigDict",
    "TelemetrySettings",
    "load",
]


def check_address(value: str) -> str:
    """Accept `host:port`, an IPv6 host in brackets."""
    host, colon, port = value.rpartition(":")
    right = colon and host and port.isascii() and port.isdigit() and int(port) <= 65535
    if not right or (":" in host and not (host.startswith("[") and host.endswith("]"))):
        message = "must be host:port, for example 127.0.0.1:50051 or [::1]:50051"
        raise ValueError(message)
    return value


def check_listen_address(value: str) -> str:
    """Accept `host:port`, and `unix:PATH` of at most 107 bytes: the kernel takes no more."""
    if not value.startswith(UNIX):
        return check_address(value)
    if not 0 < len(os.fsencode(value.removeprefix(UNIX))) < 108:
        message = "must name a path of at most 107 bytes, for example unix:/run/bodega/product.sock"
        raise ValueError(message)
    return value


TLS_CERTIFICATE = (
    "PEM file of the certificate chain; turns TLS on; read anew where it or the key changes, and"
    " on SIGHUP"
)

type Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
type Address = Annotated[str, AfterValidator(check_address)]
type ListenAddress = Annotated[str, AfterValidator(check_listen_address)]


class Settings(BaseSettings):
    """The base of all settings; a program's class sets `env_prefix` and `cli_prog_name`."""

    model_config = SettingsConfigDict(
        frozen=True,
        env_prefix="BODEGA_",
        env_ignore_empty=True,
        extra="forbid",
        validate_default=True,
        hide_input_in_errors=True,
    )

    @property
    def program(self) -> str:
        """The name that users know the program by."""
        return program_name(type(self))


class ServerSettings(Settings):
    """Serving."""

    listen: Annotated[ListenAddress, Field(description="address of the gRPC listener")]
    engine: Annotated[
        Engine,
        Field(
            description="HTTP/2 engine; auto is native on loopback and Unix sockets, else grpcio"
        ),
    ] = Engine.AUTO
    grace: Annotated[
        Duration,
        Field(ge=timedelta(0), description="how long running RPCs may finish after SIGTERM"),
    ] = timedelta(seconds=10)
    tls_certificate: Annotated[Path | None, Field(description=TLS_CERTIFICATE)] = None
    tls_key: Annotated[Path | None, Field(description="PEM file of the private key")] = None
    max_concurrent_rpcs: Annotated[
        int, Field(ge=1, description="RPCs that run at once; more get RESOURCE_EXHAUSTED")
    ] = 4096
    max_endless_streams: Annotated[
        int,
        Field(
            ge=1,
            description="streams without an end (watches) that run at once, beside the RPCs above",
        ),
    ] = 1024
    introspection: Annotated[
        bool, Field(description="serve reflection and channelz to anybody who connects")
    ] = True

    @property
    def resolved_engine(self) -> Engine:
        """The engine that serves: grpcio or native."""
        return resolve(self.engine, self.listen, tls=self.tls is not None)

    @property
    def tls(self) -> TlsFiles | None:
        """The files of the listener's certificate, where TLS is on."""
        if self.tls_certificate is None or self.tls_key is None:
            return None
        return TlsFiles(self.tls_certificate, self.tls_key)

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            message = "--tls-certificate and --tls-key: one needs the other"
            raise ValueError(message)
        for flag, path in (
            ("--tls-certificate", self.tls_certificate),
            ("--tls-key", self.tls_key),
        ):
            if path is not None and not path.is_file():
                message = f"{flag}: there is no file {path}"
                raise ValueError(message)
        try:
            _ = self.resolved_engine
        except ValueError as error:
            message = f"--engine: {error}"
            raise ValueError(message) from error
        return self


class MonitoringSettings(Settings):
    """Watching."""

    metrics_listen: Annotated[
        Address | None,
        Field(description="address of /metrics, /healthz and /readyz; off: not served"),
    ] = None
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Field(description="least level that is logged"),
    ] = "info"
    log_format: Annotated[
        Literal["auto", "json", "console"],
        Field(description="auto is console on a terminal and JSON elsewhere"),
    ] = "auto"

    @field_validator("metrics_listen", mode="before")
    @classmethod
    def _off_is_none(cls, value: object) -> object:
        """Let whoever starts a program that has a default turn it off."""
        return None if value == "off" else value


class TelemetrySettings(MonitoringSettings):
    """Tracing."""

    otlp_endpoint: Annotated[
        str | None,
        Field(
            pattern="^https?://.+",
            description="OTLP/gRPC collector, for example http://127.0.0.1:4317; unset: no traces",
        ),
    ] = None
    trace_ratio: Annotated[
        float, Field(ge=0, le=1, description="share of the traces begun here that are recorded")
    ] = 0.01
