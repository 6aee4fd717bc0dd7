"""The server as a process: started, filled, stopped and killed, between a real Product and more."""

import asyncio
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from bodega.cart.v1 import cart_pb2 as pb
from cart.tests.examples import batch, failure, item, money, stream
from cart.tests.neighbours import MODULE, running
from cart.tests.upstreams import Products, Running
from runtime.testing.issuer import LoopbackIssuer
from runtime.testing.modules import DEAR, modules_of
from runtime.testing.server_process import ANY_PORT, ended

pytest_plugins = ["cart.tests.neighbours"]


async def test_it_asks_the_others_keeps_its_data_and_ends_on_sigterm(
    flags: tuple[str, ...], products: Products, tmp_path: Path, issuer: LoopbackIssuer
) -> None:
    tea = await products.add("TEA", 250)
    async with running(*flags, home=tmp_path, issuer=issuer) as (process, stub):
        asked = [item(tea, 3, code="once"), item(tea, 1, code="other")]
        created = await stub.CreateCart(pb.CreateCartRequest(items=asked))
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            assert await process.wait() == 0
    assert [each.issue for each in created.rejected_items] == [pb.ITEM_ISSUE_DISCOUNT_UNKNOWN]
    assert [each.unit_price for each in created.cart.items] == [money(1, 250_000_000)]
    assert (tmp_path / "bodega" / "cart.db").stat().st_mode & 0o777 == 0o600
    async with running(*flags, home=tmp_path, issuer=issuer) as (_, stub):
        assert (await stub.GetCart(pb.GetCartRequest())).cart == created.cart


async def test_killed_in_the_middle_of_a_stream_it_holds_each_item_once_after_the_next(
    flags: tuple[str, ...], products: Products, tmp_path: Path, issuer: LoopbackIssuer
) -> None:
    ids = [await products.add(f"P{number}", 100 + number) for number in range(20)]
    batches = [batch(f"b{number}", *(item(each, 2) for each in ids)) for number in range(40)]

    async def broken_off(process: Process) -> AsyncIterator[pb.AddItemsRequest]:
        for number, each in enumerate(batches):
            yield each
            if number == 20:
                process.kill()

    async with running(*flags, home=tmp_path, issuer=issuer) as (process, stub):
        await stub.CreateCart(pb.CreateCartRequest())
        with pytest.raises(grpc.aio.AioRpcError) as ended_early:
            await stub.AddItems(broken_off(process))
        assert ended_early.value.code() == grpc.StatusCode.UNAVAILABLE
    async with running(*flags, home=tmp_path, issuer=issuer) as (_, stub):
        response = await stub.AddItems(stream(*batches))
        assert (response.added_count, response.rejected_count) == (800, 0)
        cart = (await stub.GetCart(pb.GetCartRequest())).cart
    assert [(each.product_id, each.quantity) for each in cart.items] == [(id_, 80) for id_ in ids]
    assert response.cart.totals == cart.totals


async def test_it_starts_and_serves_what_it_has_while_the_others_are_away(
    flags: tuple[str, ...],
    product_server: Running,
    discount_server: Running,
    products: Products,
    tmp_path: Path,
    issuer: LoopbackIssuer,
) -> None:
    tea = await products.add("TEA", 250)
    await product_server.stop()
    await discount_server.stop()
    async with running(*flags, home=tmp_path, issuer=issuer) as (_, stub):
        await stub.CreateCart(pb.CreateCartRequest())
        found = await failure(stub.AddItems(stream(batch("a", item(tea)))))
        assert (found.code, found.reason) == (grpc.StatusCode.UNAVAILABLE, "PRODUCT_UNAVAILABLE")
        assert found.metadata == {"batch_id": "a", "batch_index": "0"}
        assert not (await stub.GetCart(pb.GetCartRequest())).cart.items


async def test_a_taken_port_is_named(tmp_path: Path) -> None:
    listener = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    host, port = listener.sockets[0].getsockname()
    async with listener:
        code, _, err = await ended(MODULE, *ANY_PORT, "--listen", f"{host}:{port}", home=tmp_path)
    assert code == 1
    assert f"cart-server: --listen {host}:{port}: address already in use" in err


async def test_a_discount_far_away_wants_tls_for_its_tokens(tmp_path: Path) -> None:
    code, _, err = await ended(MODULE, "--discount", "discount.example:50053", home=tmp_path)
    assert code == 2
    assert err == (
        "cart-server: --discount: discount.example:50053 has no TLS and is not on this machine:"
        " use --discount-tls-roots, or --trust-network\n"
    )


async def test_the_help_tells_each_flag_and_its_default(tmp_path: Path) -> None:
    code, out, err = await ended(MODULE, "--help", home=tmp_path)
    assert (code, err) == (0, "")
    for flag in ("--database", "--product", "--discount", "--listen", "--client-secret-file"):
        assert flag in out
    assert "default 127.0.0.1:50052" in out
    assert out.startswith("usage: cart-server [flags]\n")


async def test_an_empty_postgresql_database_is_refused_until_it_is_migrated(
    postgres_url: str, flags: tuple[str, ...], tmp_path: Path, issuer: LoopbackIssuer
) -> None:
    code, _, err = await ended(MODULE, *ANY_PORT, "--database", postgres_url, home=tmp_path)
    assert code == 1
    assert "--migrate" in err
    flags = (*flags, "--database", postgres_url)
    async with running(*flags, "--migrate", home=tmp_path, issuer=issuer) as (_, stub):
        created = await stub.CreateCart(pb.CreateCartRequest())
    async with running(*flags, home=tmp_path, issuer=issuer) as (_, stub):
        assert (await stub.GetCart(pb.GetCartRequest())).cart == created.cart


def test_the_server_imports_nothing_dear_that_it_may_never_use() -> None:
    imported = modules_of("cart.server")
    assert "cart.server" in imported
    assert imported & DEAR == set()
