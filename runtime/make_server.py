"""The two gRPC servers behind one API. Here alone they are imported: a client needs neither."""

import grpc
import pygrpc_native.aio
from grpc import aio

from runtime.engine import ChannelOptions, Engine
from runtime.server_certificate import CertificatePair, ServerCertificate


def make_server(engine: Engine, options: ChannelOptions = ()) -> aio.Server:
    """Make a server of that engine, which is not `auto`. It has no port yet."""
    if engine is Engine.NATIVE:
        return pygrpc_native.aio.server(options=options)
    return aio.server(options=list(options))


def add_port(server: aio.Server, address: str, certificate: ServerCertificate | None) -> int:
    """Listen on the address and return the port. RuntimeError where it cannot be had."""
    if certificate is None:
        return server.add_insecure_port(address)
    return server.add_secure_port(address, _credentials(certificate))


def _credentials(certificate: ServerCertificate) -> grpc.ServerCredentials:
    """Return credentials that serve to each new connection the pair of that time."""
    served = certificate.pair

    def changed() -> grpc.ServerCertificateConfiguration | None:
        # gRPC asks at each handshake, one at a time.
        nonlocal served
        if certificate.pair is served:
            return None
        served = certificate.pair
        return _configuration(served)

    return grpc.dynamic_ssl_server_credentials(
        _configuration(served),
        changed,  # type: ignore[arg-type]  # None means no change, and is not in its type.
    )


def _configuration(pair: CertificatePair) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(pair.key, pair.chain)])
