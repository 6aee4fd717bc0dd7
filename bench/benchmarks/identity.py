"""tokens issued, tokens introspected and keys told by the identity server, and its memory."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from bench.benchmark import Options, check_equal
from bench.identity_server import CLIENT, IdentityServer, identity_server
from bench.load import Form, h2load_forms
from bench.measure import MB, Figure, Run, Series, Target, in_turns

CLIENTS = 16
WARM_UP_REQUESTS = 1_000

# Of client credentials, for each CPU: keycloak.org/high-availability/concepts-memory-and-cpu-sizing
KEYCLOAK_GRANTS = 120


class Reached(NamedTuple):
    """What a side reached in a round."""

    rate: float
    rate_of_cpu: float


@dataclass(slots=True)
class Side:
    """One request, made again and again; its answers are all as long as the first."""

    server: IdentityServer
    form: Form
    answer_bytes: int
    made: int
    rate: float = 0.0

    async def run(self, options: Options) -> Reached:
        """Make as many requests as should take the time that a round has."""
        requests = max(WARM_UP_REQUESTS, round(self.rate * options.seconds))
        before = self.server.process.cpu_seconds()
        load = await h2load_forms(
            options.h2load,
            self.server.process.address,
            self.form,
            requests=requests,
            clients=CLIENTS,
        )
        used = self.server.process.cpu_seconds() - before
        expected = requests * self.answer_bytes
        check_equal(f"{self.form.path}: bytes of the answers", load.data_bytes, expected)
        self.made += requests
        handled = await self.server.handled(self.form.path)
        check_equal(f"{self.form.path}, counted", handled, {"200": self.made})
        self.rate = load.rate
        return Reached(load.rate, requests / used)


async def run(options: Options) -> Sequence[Figure]:
    """Measure the three in turns, all of one server."""
    async with identity_server(options.folder / "identity") as server:
        begun = server.process.memory.peak()
        sides = await _sides(options, server)
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
        "token": Side(server, grant, len(first), made=1),
        "introspect": Side(server, introspection, len(told), made=1),
        "jwks": Side(server, keys, len(published), made=1),
    }


def _who(introspected: bytes) -> tuple[bool, str]:
    answer = json.loads(introspected)
    return answer["active"], answer["client_id"]


def _figures(reached: dict[str, tuple[Reached, ...]]) -> list[Figure]:
    def of_cpu(side: str) -> Series:
        return Series(side, "/CPU s", tuple(each.rate_of_cpu for each in reached[side]))

    def wall(side: str) -> Series:
        return Series(side, "/s", tuple(each.rate for each in reached[side]))

    grants = of_cpu("token")
    keycloak = Series("Keycloak", "/CPU s", (KEYCLOAK_GRANTS,) * len(grants.values))
    enough = Target("at least", 2_000)
    return [
        Figure(
            "client credentials, to Keycloak's published", grants, keycloak, Target("at least", 10)
        ),
        Figure("introspection of a token seen before", of_cpu("introspect"), None, enough),
        Figure("JWKS", of_cpu("jwks"), None, enough),
        Figure("client credentials, all the time there was", wall("token")),
        Figure("introspection, all the time there was", wall("introspect")),
        Figure("JWKS, all the time there was", wall("jwks")),
    ]


def _memory(name: str, found: int, target: Target | None = None) -> Figure:
    return Figure(name, Series("server", "MB", (found / MB,)), None, target)
