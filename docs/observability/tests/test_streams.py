"""The methods that the queries of alerts and dashboard leave out: those that are streams."""

from bodega.cart.v1 import cart_pb2
from bodega.discount.v1 import discount_pb2
from bodega.product.v1 import product_pb2
from cart.servicer import CartServicer
from discount.servicer import DiscountServicer
from docs.observability.queries import panel_queries, rules, selections
from product.servicer import ProductServicer
from runtime.endless import is_endless

SERVICES = {
    CartServicer: cart_pb2.DESCRIPTOR.services_by_name["CartService"],
    DiscountServicer: discount_pb2.DESCRIPTOR.services_by_name["DiscountService"],
    ProductServicer: product_pb2.DESCRIPTOR.services_by_name["ProductService"],
}


def left_out(metric: str) -> set[str]:
    """Return the methods that the queries of a metric pass over: all of them the same ones."""
    queries = [rule["expr"] for rule in rules()] + [query for _, query in panel_queries()]
    found = {
        selected.matchers["method"]
        for query in queries
        for selected in selections(query)
        if selected.metric == metric and "method" in selected.matchers
    }
    (methods,) = found
    return set(methods.split("|"))


def test_the_latency_of_unary_rpcs_leaves_out_the_streams_and_nothing_else() -> None:
    streams = {
        method.name
        for service in SERVICES.values()
        for method in service.methods
        if method.client_streaming or method.server_streaming
    }
    assert left_out("bodega_rpc_server_duration_seconds_bucket") == streams


def test_the_share_of_failures_leaves_out_the_streams_without_an_end_and_nothing_else() -> None:
    endless = {
        method.name
        for servicer, service in SERVICES.items()
        for method in service.methods
        if is_endless(getattr(servicer, method.name))
    }
    assert left_out("bodega_rpc_server_handled_total") == endless
