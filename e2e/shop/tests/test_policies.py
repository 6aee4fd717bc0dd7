"""No RPC answers without its policy: all that the servers' reflection lists, on both engines."""

import time
from collections.abc import AsyncIterator, Callable

import grpc
import pytest
import pytest_asyncio

from e2e.shop.guarded import SERVERS, guarded_servers
from e2e.shop.tests.effects import Stock, effects
from e2e.shop.tests.walk import Claims, Walk, let_in, owned_by, walking
from runtime.engine import Engine
from runtime.testing import forging
from runtime.testing.failure import Failure
from runtime.testing.issuer import LoopbackIssuer, SigningKey

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

# Who adds an RPC that anybody may call says so here as well.
PUBLIC = {
    "bodega.product.v1.ProductService/BatchGetProducts",
    "bodega.product.v1.ProductService/GetProduct",
    "bodega.product.v1.ProductService/ListProducts",
    "bodega.product.v1.ProductService/StreamProducts",
    "bodega.product.v1.ProductService/WatchProducts",
}
# gRPC's own have no policy of ours. All but health can be turned off (--no-introspection).
STANDARD = {
    "grpc.channelz.v1.Channelz/GetChannel",
    "grpc.channelz.v1.Channelz/GetServer",
    "grpc.channelz.v1.Channelz/GetServerSockets",
    "grpc.channelz.v1.Channelz/GetServers",
    "grpc.channelz.v1.Channelz/GetSocket",
    "grpc.channelz.v1.Channelz/GetSubchannel",
    "grpc.channelz.v1.Channelz/GetTopChannels",
    "grpc.health.v1.Health/Check",
    "grpc.health.v1.Health/List",
    "grpc.health.v1.Health/Watch",
    "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
}

UNAUTHENTICATED, DENIED = grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED
MISSING, INVALID, EXPIRED = "TOKEN_MISSING", "TOKEN_INVALID", "TOKEN_EXPIRED"

ENGINES = [Engine.GRPCIO, Engine.NATIVE]

type Forge = Callable[[LoopbackIssuer, Claims], str | None]


def changed(**claims: object) -> Forge:
    return lambda issuer, good: issuer.signing.sign({**good, **claims})


def of_time(**offsets: int) -> Forge:
    return lambda issuer, good: issuer.signing.sign(
        {**good, **{name: int(time.time()) + offset for name, offset in offsets.items()}}
    )


def for_another_server(issuer: LoopbackIssuer, good: Claims) -> str:
    names = [f"urn:bodega:{name}" for name in SERVERS]
    others = [name for name in names if name != good["aud"]]
    return issuer.signing.sign({**good, "aud": others})


FORGED: dict[str, tuple[Forge, str]] = {
    "none": (lambda *_: None, MISSING),
    "garbage": (lambda *_: "garbage", INVALID),
    "wrong audience": (changed(aud="urn:bodega:other"), INVALID),
    "audience of the other servers": (for_another_server, INVALID),
    "wrong issuer": (changed(iss="http://127.0.0.1:1"), INVALID),
    "expired": (of_time(iat=-600, exp=-60), EXPIRED),
    "not yet valid": (of_time(nbf=600), INVALID),
    "no access token": (lambda issuer, good: issuer.signing.sign(good, typ="JWT"), INVALID),
    "another's key under a published kid": (
        lambda issuer, good: SigningKey(issuer.signing.kid).sign(good),
        INVALID,
    ),
    "alg none": (
        lambda issuer, good: forging.unsigned(issuer.signing, good, alg="none"),
        INVALID,
    ),
    "HS256 with the public key": (
        lambda issuer, good: forging.hs256_with_the_public_key(issuer.signing, good),
        INVALID,
    ),
    "bound to a key": (changed(cnf={"jkt": "0"}), "TOKEN_BOUND"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=ENGINES, ids=str)
async def servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Walk, LoopbackIssuer]]:
    data = tmp_path_factory.mktemp("data")
    with LoopbackIssuer({"cart": "s3cret"}) as issuer:
        async with guarded_servers(data, issuer, request.param) as shop:
            with walking(shop) as walk:
                yield walk, issuer


@pytest.fixture
def walk(servers: tuple[Walk, LoopbackIssuer]) -> Walk:
    return servers[0]


@pytest.fixture
def issuer(servers: tuple[Walk, LoopbackIssuer]) -> LoopbackIssuer:
    return servers[1]


@pytest_asyncio.fixture(loop_scope="module")
async def stock(walk: Walk, issuer: LoopbackIssuer) -> Stock:
    """Things that no refused call may change."""
    return await walk.stocked(issuer)


def every(reason: str, walk: Walk, code: grpc.StatusCode = UNAUTHENTICATED) -> dict[str, object]:
    """The refusal of each RPC that wants a token."""
    return {rpc.path: (code, reason) for server in SERVERS for rpc in walk.guarded(server)}


async def test_what_anybody_may_call_is_listed_here_and_all_else_wants_scopes(walk: Walk) -> None:
    assert {rpc.path for rpc in walk.all() if rpc.policy.public} == PUBLIC
    neither = {rpc.path for rpc in walk.all() if not rpc.policy.public and not rpc.policy.scopes}
    assert neither == STANDARD
    kinds = {(rpc.method.client_streaming, rpc.method.server_streaming) for rpc in walk.all()}
    assert len(kinds) == 4


@pytest.mark.parametrize("token", [None, "garbage"])
async def test_what_is_public_answers_whatever_the_token(
    walk: Walk, stock: Stock, token: str | None
) -> None:
    unanswered = {
        UNAUTHENTICATED,
        DENIED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.UNIMPLEMENTED,
    }
    for server, rpcs in walk.rpcs.items():
        for rpc in rpcs:
            if rpc.path in PUBLIC | STANDARD:
                error = await walk.call(server, rpc, (), token)
                assert error is None or error.code() not in unanswered, (rpc.path, error)


@pytest.mark.parametrize(("forge", "reason"), FORGED.values(), ids=FORGED)
async def test_no_other_rpc_answers_without_a_good_token_nor_has_an_effect(
    walk: Walk, issuer: LoopbackIssuer, stock: Stock, forge: Forge, reason: str
) -> None:
    before = walk.content()
    tokens = {
        server: forge(issuer, walk.claims(issuer, server, sub=stock.name)) for server in SERVERS
    }
    assert await walk.refusals(tokens, effects(stock)) == every(reason, walk)
    assert walk.content() == before


async def test_no_other_rpc_answers_a_token_of_an_old_key(
    walk: Walk, issuer: LoopbackIssuer, stock: Stock
) -> None:
    """The old key was good until it was deleted: servers that saw its tokens forget them."""
    good = {server: walk.claims(issuer, server, sub=stock.name) for server in SERVERS}
    old = {server: issuer.signing.sign(claims) for server, claims in good.items()}
    for server, token in old.items():
        await let_in(walk, server, token)
    issuer.rotate(keep=False)
    for server, claims in good.items():
        await let_in(walk, server, issuer.signing.sign(claims))
    before = walk.content()
    assert await walk.refusals(old, effects(stock)) == every(INVALID, walk)
    assert walk.content() == before


async def test_each_scope_of_a_policy_is_wanted(
    walk: Walk, issuer: LoopbackIssuer, stock: Stock
) -> None:
    before = walk.content()
    for server in SERVERS:
        for rpc in walk.guarded(server):
            for scope in rpc.policy.scopes:
                others = " ".join(sorted(walk.scopes - {scope}))
                claims = walk.claims(issuer, server, sub=stock.name, scope=others)
                requests = effects(stock).get(rpc.path, ())
                error = await walk.call(server, rpc, requests, issuer.signing.sign(claims))
                assert error is not None, rpc.path
                found = Failure(error)
                assert (found.code, found.reason) == (DENIED, "SCOPE_MISSING")
                assert found.metadata["missing"] == scope
    assert walk.content() == before


async def test_with_a_good_token_each_of_these_requests_has_its_effect(
    walk: Walk, issuer: LoopbackIssuer, stock: Stock
) -> None:
    """What is refused above would have changed something; every RPC that may is among it."""
    servers = {rpc.path: server for server in SERVERS for rpc in walk.guarded(server)}
    rpcs = {rpc.path: rpc for rpc in walk.all()}
    changing = {path for path in servers if rpcs[path].changes_something}
    assert set(effects(stock)) == changing
    for path, requests in effects(stock).items():
        before = walk.content()
        claims = walk.claims(issuer, servers[path], sub=stock.name)
        error = await walk.call(servers[path], rpcs[path], requests, issuer.signing.sign(claims))
        assert error is None, (path, error)
        assert walk.content() != before, path


async def test_with_a_good_token_every_other_rpc_answers_too(
    walk: Walk, issuer: LoopbackIssuer, stock: Stock
) -> None:
    for server in SERVERS:
        token = issuer.signing.sign(walk.claims(issuer, server, sub=stock.name))
        reading = [rpc for rpc in walk.guarded(server) if not rpc.changes_something]
        await let_in(walk, server, token, *reading)


@pytest.mark.parametrize("victim", ["the owner", "nobody"])
async def test_the_cart_of_another_is_out_of_reach_whether_or_not_there_is_one(
    walk: Walk, issuer: LoopbackIssuer, stock: Stock, victim: str
) -> None:
    owner = stock.name if victim == "the owner" else f"{stock.name}-nobody"
    scopes = " ".join(walk.scopes - {"carts.manage"})
    token = issuer.signing.sign(walk.claims(issuer, "cart", sub="mallory", scope=scopes))
    before = walk.content()
    for rpc in walk.guarded("cart"):
        first, *later = effects(stock).get(rpc.path, [None])
        request = owned_by(owner, rpc, first)
        reason = "SCOPE_MISSING" if request is None else "OWNER_FORBIDDEN"
        sent = [each for each in (request, *later) if each is not None]
        error = await walk.call("cart", rpc, sent, token)
        assert error is not None, rpc.path
        assert (error.code(), Failure(error).reason) == (DENIED, reason), rpc.path
        assert owner not in str(Failure(error).info)
    assert walk.content() == before
