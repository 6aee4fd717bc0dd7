"""Which of the two gRPC servers serves: docs/adr/0003-two-server-engines.md."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from runtime.transport import is_loopback

type ChannelOptions = Sequence[tuple[str, int | str]]

# Before the path of a Unix socket, in an address.
UNIX = "unix:"


class Engine(StrEnum):
    """Who speaks HTTP/2: grpcio's C core, or the Rust server of pygrpc-native."""

    GRPCIO = "grpcio"
    NATIVE = "native"
    AUTO = "auto"


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: the certificate chain of a server, and its private key."""

    certificate: Path
    key: Path


def resolve(engine: Engine, listen: str, *, tls: bool) -> Engine:
    """Say which engine serves on the address.

    `auto` is native where only this machine can connect, and grpcio everywhere else and with TLS:
    the native engine has neither TLS nor a limit for what a message inflates to.
    """
    match engine:
        case Engine.AUTO:
            return Engine.GRPCIO if tls or not is_local(listen) else Engine.NATIVE
        case Engine.NATIVE if tls:
            message = "the native engine has no TLS: choose grpcio or auto"
            raise ValueError(message)
        case _:
            return engine


def is_local(listen: str) -> bool:
    """Whether only this machine can connect to the address: a Unix socket, or loopback."""
    return listen.startswith(UNIX) or is_loopback(listen.rpartition(":")[0])
