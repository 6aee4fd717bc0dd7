"""The yardstick: the barest unary server that grpc.aio and uvloop can be.

It answers each request with the message that it got: no interceptor, no options, no work. The
message is parsed and serialised, as in any server made from generated code.
"""

import asyncio
import json
import signal
import sys

import grpc
import uvloop
from google.protobuf.wrappers_pb2 import StringValue
from grpc import aio

SERVICE = "bodega.bench.v1.EchoService"
METHOD = "Echo"


async def _echo(request: StringValue, _context: object) -> StringValue:
    return request


async def serve() -> None:
    """Serve on a free port, log the address as our services do, and end on SIGTERM."""
    server = aio.server()
    handler: grpc.RpcMethodHandler[StringValue, StringValue] = grpc.unary_unary_rpc_method_handler(
        _echo,
        request_deserializer=StringValue.FromString,
        response_serializer=StringValue.SerializeToString,
    )
    # As generated code registers its methods; the generic way is slower.
    server.add_registered_method_handlers(SERVICE, {METHOD: handler})
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    event = {"event": "serving", "address": f"127.0.0.1:{port}"}
    print(json.dumps(event), file=sys.stderr, flush=True)
    await stop.wait()
    await server.stop(None)


if __name__ == "__main__":
    uvloop.run(serve())
