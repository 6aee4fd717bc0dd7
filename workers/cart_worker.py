"""The cart worker's main: settings, telemetry, channels, then visit after visit."""

from datetime import timedelta

from bodega.cart.v1 import cart_pb2, cart_pb2_grpc
from bodega.product.v1 import product_pb2, product_pb2_grpc
from runtime.auth.token_source import TokenSource
from runtime.backoff import Backoff
from runtime.client import connect
from runtime.logs import get_logger
from runtime.main import StartError, run
from runtime.settings import load
from runtime.telemetry import telemetry
from workers import cart_metrics
from workers.browser import Browser
from workers.cart_settings import CartWorkerSettings
from workers.durable import DurableFileError
from workers.patience import Patience, RefusedError
from workers.stop import Stop
from workers.trolley import Trolley
from workers.visits import Visits

PRODUCT = product_pb2.DESCRIPTOR.services_by_name["ProductService"]
CART = cart_pb2.DESCRIPTOR.services_by_name["CartService"]

log = get_logger("cart_worker")


def main() -> None:
    """Run the worker."""
    settings = load(CartWorkerSettings)
    run(work(settings), settings.program)


async def work(settings: CartWorkerSettings) -> None:
    """Fill carts until a signal."""
    stop = Stop.on_signals()
    async with (
        telemetry(settings, "cart_worker") as told,
        TokenSource.of(settings, settings.resource, "carts", "carts.manage") as tokens,
        connect(
            settings.product, PRODUCT, tls_roots=settings.product_tls_roots, traces=told.traces
        ) as product,
        connect(
            settings.cart,
            CART,
            tls_roots=settings.cart_tls_roots,
            traces=told.traces,
            tokens=tokens,
            trust_network=settings.trust_network,
        ) as cart,
    ):
        browser = Browser(
            product_pb2_grpc.ProductServiceStub(product),
            _patience("Product", settings, stop),
            deadline=settings.deadline,
            most=settings.browse,
        )
        waiting = _patience("Cart", settings, stop)
        trolley = Trolley(cart_pb2_grpc.CartServiceStub(cart), waiting, deadline=settings.deadline)
        told.ready = lambda: waiting.is_connected
        visits = Visits(browser, trolley, settings, told.traces)
        try:
            await stop.run(visits.go_on(stop, settings.data / "cart_worker.json"))
        except (DurableFileError, RefusedError) as error:
            raise StartError(str(error)) from error
    log.info("stopped")


def _patience(service: str, settings: CartWorkerSettings, stop: Stop) -> Patience:
    return Patience(
        service,
        stop,
        Backoff(cap=settings.max_backoff, first=timedelta(milliseconds=200)),
        lambda code: cart_metrics.FAILURES.labels(service, code).inc(),
    )


if __name__ == "__main__":
    main()
