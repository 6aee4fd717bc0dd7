"""Which of the two gRPC servers serves."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

type ChannelOptions = Sequence[tuple[str, int | str]]


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


def resolve(engine: Engine, *, tls: bool) -> Engine:
    """Say which engine serves: `auto` is native on plaintext and grpcio with TLS."""
    match engine:
        case Engine.AUTO:
            return Engine.GRPCIO if tls else Engine.NATIVE
        case Engine.NATIVE if tls:
            message = "the native engine has no TLS: choose grpcio or auto"
            raise ValueError(message)
        case _:
            return engine
