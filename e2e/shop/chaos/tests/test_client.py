"""How the load calls servers: until it is answered, and the same each time."""

import grpc
import pytest
from grpc import aio

from e2e.shop.chaos.client import Client
from e2e.shop.chaos.dice import dice
from runtime.errors import Unauthenticated, Unavailable
from runtime.reason import Reason
from runtime.status import to_status


class Server:
    """Fails so often, then answers."""

    def __init__(self, *failures: Exception) -> None:
        self.calls = 0
        self._failures = list(failures)

    async def call(self, seconds: float) -> str:
        assert seconds > 0
        self.calls += 1
        if self._failures:
            raise self._failures.pop(0)
        return "answer"


def failure(code: grpc.StatusCode) -> aio.AioRpcError:
    return aio.AioRpcError(code, aio.Metadata(), aio.Metadata())


def unauthenticated(reason: Reason) -> aio.AioRpcError:
    status = to_status(Unauthenticated("the token was refused", reason=reason))
    trailers = aio.Metadata(("grpc-status-details-bin", status.SerializeToString()))
    code = grpc.StatusCode.UNAUTHENTICATED
    return aio.AioRpcError(code, aio.Metadata(), trailers, details=status.message)


async def test_a_call_is_made_again_until_it_is_answered() -> None:
    server = Server(
        failure(grpc.StatusCode.UNAVAILABLE),
        failure(grpc.StatusCode.DEADLINE_EXCEEDED),
        Unavailable("no token", reason=Reason.UPSTREAM_UNAVAILABLE),
    )
    assert await Client(dice(1, "a client")).insist(server.call) == "answer"
    assert server.calls == 4


@pytest.mark.parametrize("reason", [Reason.TOKEN_EXPIRED, Reason.TOKEN_KEY_WITHDRAWN])
async def test_a_call_whose_token_is_over_is_made_again(reason: Reason) -> None:
    server = Server(unauthenticated(reason))
    assert await Client(dice(1, "a client")).insist(server.call) == "answer"
    assert server.calls == 2


async def test_a_call_whose_token_was_never_good_is_not_made_again() -> None:
    server = Server(unauthenticated(Reason.TOKEN_INVALID))
    with pytest.raises(aio.AioRpcError):
        await Client(dice(1, "a client")).insist(server.call)
    assert server.calls == 1


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.FAILED_PRECONDITION,
    ],
)
async def test_what_is_no_outage_is_not_called_again(code: grpc.StatusCode) -> None:
    server = Server(failure(code))
    with pytest.raises(aio.AioRpcError) as raised:
        await Client(dice(1, "a client")).insist(server.call)
    assert raised.value.code() is code
    assert server.calls == 1


async def test_some_leave_at_the_first_failure_and_others_do_not() -> None:
    client = Client(dice(1, "a client"))
    servers = [Server(failure(grpc.StatusCode.UNAVAILABLE)) for _ in range(50)]
    answers = [await client.attempt(server.call) for server in servers]
    assert set(answers) == {None, "answer"}
    assert [server.calls for server in servers] == [1 if a is None else 2 for a in answers]
