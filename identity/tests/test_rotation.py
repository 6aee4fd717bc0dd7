"""Keys rotate ten times while tokens are issued and checked, on one replica and on two."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import jwt

from identity.tests.processes import Server, acting, clients_file, running
from identity.tests.provider import SECRET, client_of, register

ISSUER = "http://127.0.0.1:8080"
ROTATIONS = 10
FLAGS = (
    *("--issuer", ISSUER, "--key-period", "500ms"),
    *("--key-announce", "400ms", "--key-poll", "40ms"),
)


class Verifier:
    """A resource server: it keeps the keys, and fetches them again for one that it has not."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self.keys: dict[str, jwt.PyJWK] = {}

    async def verify(self, token: str) -> None:
        kid = jwt.get_unverified_header(token)["kid"]
        if kid not in self.keys:
            response = await self._http.get("/jwks")
            assert response.status_code == 200
            self.keys |= {key["kid"]: jwt.PyJWK(key) for key in response.json()["keys"]}
        jwt.decode(
            token,
            self.keys[kid],
            algorithms=["ES256"],
            issuer=ISSUER,
            options={"verify_aud": False, "verify_exp": False},
        )


async def load(issuing: httpx.AsyncClient, checking: httpx.AsyncClient, signers: set[str]) -> int:
    """Issue here and check there until the keys have rotated often enough; return how often."""
    verifier, calls = Verifier(checking), 0
    while len(signers) <= ROTATIONS:
        issued = await issuing.post(
            "/token", data={"grant_type": "client_credentials"}, auth=("service", SECRET)
        )
        assert issued.status_code == 200, issued.text
        token = issued.json()["access_token"]
        signers.add(jwt.get_unverified_header(token)["kid"])
        await verifier.verify(token)
        told = await checking.post("/introspect", data={"token": token}, auth=("api", SECRET))
        assert told.status_code == 200
        assert told.json()["active"] is True, signers
        calls += 1
    return calls


async def rotate_under_load(url: str, home: Path, servers: Sequence[Server]) -> None:
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(acting(url, home, ISSUER))
        await register(parts.base.clients)
        clients = [await stack.enter_async_context(client_of(server.address)) for server in servers]
        signers: set[str] = set()
        async with asyncio.timeout(120), asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(load(issuing, checking, signers))
                for issuing in clients
                for checking in clients
            ]
        assert len(signers) > ROTATIONS
        assert all(task.result() > 0 for task in tasks)


async def test_keys_rotate_ten_times_under_load_with_no_failed_call(
    sqlite_url: str, tmp_path: Path
) -> None:
    flags = (*FLAGS, *clients_file(tmp_path))
    async with running(sqlite_url, tmp_path, *flags) as server:
        await rotate_under_load(sqlite_url, tmp_path, [server])


async def test_keys_rotate_ten_times_under_load_on_two_replicas_of_one_database(
    postgres_url: str, tmp_path: Path
) -> None:
    flags = (*FLAGS, *clients_file(tmp_path))
    async with (
        running(postgres_url, tmp_path, *flags) as one,
        running(postgres_url, tmp_path, *flags) as two,
    ):
        await rotate_under_load(postgres_url, tmp_path, [one, two])
