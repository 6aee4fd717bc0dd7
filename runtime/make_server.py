"""The two gRPC servers behind one API. Here alone they are imported: a client needs neither."""

import grpc
import pygrpc_native.aio
from grpc import aio

from runtime.engine import ChannelOptions, Engine, TlsFiles


def make_server(engine: Engine, options: ChannelOptions = ()) -> aio.Server:
    """Make a server of that engine, which is not `auto`. It has no port yet."""
    if engine is Engine.NATIVE:
        return pygrpc_native.aio.server(options=options)
    return aio.server(options=list(options))


def add_port(server: aio.Server, address: str, tls: TlsFiles | None) -> int:
    """Listen on the address and return the port. RuntimeError where it cannot be had."""
    if tls is None:
        return server.add_insecure_port(address)
    return server.add_secure_port(address, _credentials(tls))


def _credentials(tls: TlsFiles) -> grpc.ServerCredentials:
    pair = (tls.key.read_bytes(), tls.certificate.read_bytes())
    return grpc.ssl_server_credentials([pair])
