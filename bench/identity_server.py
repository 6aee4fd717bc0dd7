"""The identity server as users start it, and what it says of itself."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

from prometheus_client.parser import text_string_to_metric_families

from bench.benchmark import WrongResultError, check_equal
from bench.load import Form
from bench.process import Process, listening
from bench.served import free_port

CLIENT = "product-worker"
TIMEOUT_SECONDS = 30

# One client makes all the load, from one address: more than the limits for those who mean harm.
_NO_LIMITS = ("--client-rate", "1000000", "--address-rate", "1000000")


@dataclass(frozen=True, slots=True)
class IdentityServer:
    """An identity server that serves."""

    process: Process
    metrics: str
    authorization: str

    def form(self, path: str, body: Path, **fields: str) -> Form:
        """Return a client's request, its form written to the file."""
        body.write_text(urlencode(fields))
        headers = {
            "authorization": self.authorization,
            "content-type": "application/x-www-form-urlencoded",
        }
        return Form(path, body, headers)

    async def answer(self, form: Form) -> bytes:
        """Make the request once, and return the body of a good answer."""
        return await asyncio.to_thread(self._answer, form)

    async def handled(self, route: str) -> dict[str, int]:
        """Return how many requests of a route it counted, by status."""
        page = await asyncio.to_thread(_exchange, self.metrics, "GET", "/metrics", None, {})
        return {
            sample.labels["code"]: int(sample.value)
            for family in text_string_to_metric_families(page.decode())
            for sample in family.samples
            if sample.name == "bodega_http_server_handled_total" and sample.labels["route"] == route
        }

    def _answer(self, form: Form) -> bytes:
        body = None if form.body is None else form.body.read_bytes()
        method = "GET" if body is None else "POST"
        return _exchange(self.process.address, method, form.path, body, form.headers)


@asynccontextmanager
async def identity_server(folder: Path) -> AsyncIterator[IdentityServer]:
    """Run `identity.server` with the shop's clients, its database in the folder.

    It is started a second time, as an installed server mostly is: its database is there already.
    To migrate takes memory that is not given back.
    """
    metrics = f"127.0.0.1:{free_port()}"
    flags = (
        *("--listen", "127.0.0.1:0", "--metrics-listen", metrics),
        *("--database", f"sqlite:///{folder}/identity.db", "--data", str(folder)),
        *_NO_LIMITS,
    )
    async with listening("identity.server", *flags):
        pass
    async with listening("identity.server", *flags) as process:
        secret = (folder / "clients" / f"{CLIENT}.secret").read_text().strip()
        encoded = b64encode(f"{CLIENT}:{secret}".encode()).decode()
        yield IdentityServer(process, metrics, f"Basic {encoded}")


def _exchange(
    address: str, method: str, path: str, body: bytes | None, headers: dict[str, str]
) -> bytes:
    connection = HTTPConnection(address, timeout=TIMEOUT_SECONDS)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        said = response.read()
    except OSError as error:
        raise WrongResultError(f"{path}: {error}") from error
    finally:
        connection.close()
    check_equal(f"status of {path}", response.status, 200)
    return said
