"""The product server's memory while a million products are imported and streamed."""

from collections.abc import Sequence

from bench.benchmark import Options, check_equal
from bench.catalogue import batches, drafts
from bench.load import h2load
from bench.measure import MB, Figure, Series, Target
from bench.product_server import product_server, write_call
from bodega.product.v1 import product_pb2

PRODUCTS = 1_000_000


async def run(options: Options) -> Sequence[Figure]:
    """Import and stream once: what has been the peak is no matter of chance."""
    options.report("writing a million products")
    chunks = batches(drafts(PRODUCTS), 200)
    importing = write_call(options.folder / "import.body", "ImportProducts", chunks)
    request = product_pb2.StreamProductsRequest().SerializeToString()
    streaming = write_call(options.folder / "stream.body", "StreamProducts", [request])
    async with product_server(options.folder) as server:
        begun = server.process.memory.peak()
        options.report("importing them")
        imported = await h2load(options.h2load, server.address, importing, token=server.token)
        options.report("streaming them")
        streamed = await h2load(options.h2load, server.address, streaming)
        peak = server.process.memory.peak()
        # After the peak was read, because this client asks for them once more.
        check_equal("products in the catalogue", await server.count(), PRODUCTS)
        check_equal("imports, counted", await server.handled("ImportProducts"), {"OK": 1})
        check_equal("streams, counted", await server.handled("StreamProducts"), {"OK": 2})
    return [
        Figure(
            "server memory, peak", Series("server", "MB", (peak / MB,)), None, Target("below", 200)
        ),
        Figure("server memory, at start", Series("server", "MB", (begun / MB,))),
        _rate("import of a million", imported.seconds),
        _rate("stream of a million", streamed.seconds),
    ]


def _rate(name: str, seconds: float) -> Figure:
    return Figure(name, Series("server", "products/s", (PRODUCTS / seconds,)))
