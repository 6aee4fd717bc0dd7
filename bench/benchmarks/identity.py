"""tokens issued, tokens introspected and keys told by the identity server, and its memory."""

import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from bench import bare_http_server
from bench.benchmark import Options, check_equal
from bench.identity_server import CLIENT, IdentityServer, identity_server
from bench.load import Form, h2load_forms
from bench.measure import MB, Figure, Run, Series, Target, in_turns
from bench.process import Process, listening

CLIENTS = 16
WARM_UP_REQUESTS = 1_000

# Of client credentials, for each CPU: keycloak.org/high-availability/concepts-memory-and-cpu-sizing
KEYCLOAK_GRANTS = 120

NAMES = {
    "token": "client credentials",
    "introspect": "introspection",
    "jwks": "JWKS",
}
# Of what the bare server reaches in a second of CPU.
LEAST = {"token": 0.04, "introspect": 0.1, "jwks": 0.4}


class Reached(NamedTuple):
    """What a side reached in a round."""

    rate: float
    rate_of_cpu: float


@dataclass(slots=True)
class Side:
    """One request, made again and again; its answers are all as long as the first.

    `server` counts them; the bare server has nothing that counts.
    """

    process: Process
    form: Form
    answer_bytes: int
    server: IdentityServer | None = None
    made: int = 1
    rate: float = 0.0

    async def run(self, options: Options) -> Reached:
        """Make as many requests as should take the time that a round has."""
        requests = max(WARM_UP_REQUESTS, round(self.rate * options.seconds))
        before = self.process.cpu_seconds()
        load = await h2load_forms(
            options.h2load,
            self.process.address,
            self.form,
            requests=requests,
            clients=CLIENTS,
        )
        used = self.process.cpu_seconds() - before
        expected = requests * self.answer_bytes
        check_equal(f"{self.form.path}: bytes of the answers", load.data_bytes, expected)
        self.made += requests
        if self.server is not None:
            handled = await self.server.handled(self.form.path)
            check_equal(f"{self.form.path}, counted", handled, {"200": self.made})
        self.rate = load.rate
        return Reached(load.rate, requests / used)


async def run(options: Options) -> Sequence[Figure]:
    """Measure the three in turns, all of one server, and the bare one."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(identity_server(options.folder / "identity"))
        begun = server.process.memory.peak()
        sides = await _sides(options, server)
        token = sides["token"]
        length = ("--answer-bytes", f"{token.answer_bytes}")
        bare = await stack.enter_async_context(listening("bench.bare_http_server", *length))
        form = Form(bare_http_server.PATH, token.form.body, token.form.headers)
        sides["bare"] = Side(bare, form, token.answer_bytes)
        for side in sides.values():
            await side.run(options)
        runs: dict[str, Run[Reached]] = {
            name: partial(side.run, options) for name, side in sides.items()
        }
        reached = await in_turns(runs, options.rounds, options.report)
        peak = server.process.memory.peak()
    return [
        *_figures(reached),
        _memory("identity memory, peak", peak, Target("below", 100)),
        _memory("identity memory, at start", begun),
    ]


async def _sides(options: Options, server: IdentityServer) -> dict[str, Side]:
    grant = server.form("/token", options.folder / "token", grant_type="client_credentials")
    first = await server.answer(grant)
    token = json.loads(first)["access_token"]
    introspection = server.form("/introspect", options.folder / "introspect", token=token)
    told = await server.answer(introspection)
    check_equal("introspection", _who(told), (True, CLIENT))
    keys = Form("/jwks")
    published = await server.answer(keys)
    check_equal("keys published", len(json.loads(published)["keys"]), 1)
    return {
        "token": Side(server.process, grant, len(first), server),
        "introspect": Side(server.process, introspection, len(told), server),
        "jwks": Side(server.process, keys, len(published), server),
    }


def _who(introspected: bytes) -> tuple[bool, str]:
    answer = json.loads(introspected)
    return answer["active"], answer["client_id"]


def _figures(reached: dict[str, tuple[Reached, ...]]) -> list[Figure]:
    def of_cpu(side: str) -> Series:
        return Series(side, "/CPU s", tuple(each.rate_of_cpu for each in reached[side]))

    def wall(side: str) -> Series:
        return Series(side, "/s", tuple(each.rate for each in reached[side]))

    def of_bare(side: str, least: float) -> Figure:
        name = f"{NAMES[side]} a CPU second, to a bare server's"
        return Figure(name, of_cpu(side), of_cpu("bare"), Target("at least", least))

    keycloak = Series("Keycloak", "/CPU s", (KEYCLOAK_GRANTS,) * len(reached["token"]))
    return [
        *(of_bare(side, least) for side, least in LEAST.items()),
        Figure("client credentials, to Keycloak's published", of_cpu("token"), keycloak),
        *(Figure(f"{name}, all the time there was", wall(side)) for side, name in NAMES.items()),
    ]


def _memory(name: str, found: int, target: Target | None = None) -> Figure:
    return Figure(name, Series("server", "MB", (found / MB,)), None, target)
