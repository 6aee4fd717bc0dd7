"""The real identity server as a process, with the clients and the user of the tests."""

import json
import os
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

CLIENTS = Path(__file__).with_name("clients.toml")
RESOURCE = "urn:example:things"
_PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Person:
    """Who logs in."""

    username: str = "alice"
    password: str = "correct horse, battery staple"  # noqa: S105 - hers alone, and for one test
    name: str = "Alice Ahrens"
    email: str = "alice@shop.example"


@dataclass(frozen=True)
class Identity:
    """A running server, who is known to it, and its folder of data."""

    issuer: str
    person: Person
    clients: Mapping[str, Mapping[str, Any]]

    def world(self) -> str:
        """Return all that the clients of the tests must know, as JSON."""
        described = {"issuer": self.issuer, "resource": RESOURCE, "user": asdict(self.person)}
        return json.dumps(described | {"clients": self.clients})


@contextmanager
def running(folder: Path, *flags: str) -> Iterator[Identity]:
    """Run the server on a free port, over a new database in `folder`."""
    robot, key = _client_with_key()
    clients = folder / "clients.toml"
    database = f"sqlite:///{folder}/identity.db"
    store = ("--data", str(folder), "--database", database, "--clients", str(clients))
    listen = ("--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0", "--log-format", "json")
    log = folder / "server.log"
    with log.open("w") as written, _kept_address() as backchannel:
        clients.write_text(CLIENTS.read_text().replace("127.0.0.1:8099", backchannel) + robot)
        command = _python("identity.server", *listen, *store, *flags)
        server = subprocess.Popen(command, env=_environment(), stderr=written)  # noqa: S603
        try:
            issuer = f"http://{_address(server, log)}"
            person = Person()
            _create(person, *store)
            yield Identity(issuer, person, _described(clients, folder, key))
        finally:
            server.terminate()
            code = server.wait(_PATIENCE_SECONDS)
    assert code == 0, log.read_text()


def _client_with_key() -> tuple[str, dict[str, str]]:
    """Return a client for clients.toml that authenticates with a key, and the key as a JWK."""
    private = ec.generate_private_key(ec.SECP256R1())
    names = {"kid": "robot-1", "alg": "ES256", "use": "sig"}
    key: dict[str, str] = ECAlgorithm.to_jwk(private, as_dict=True) | names
    public = ", ".join(f'{name} = "{value}"' for name, value in key.items() if name != "d")
    client = f"""
[[client]]
client_id = "robot"
token_endpoint_auth_method = "private_key_jwt"
grant_types = ["client_credentials"]
scope = "things.write"
jwks = {{ keys = [{{ {public} }}] }}
"""
    return client, key


def _described(clients: Path, folder: Path, key: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Return what each client knows of itself: as registered, with its secret or its key."""
    known = {}
    for client in tomllib.loads(clients.read_text())["client"]:
        name = client["client_id"]
        described = {"token_endpoint_auth_method": "client_secret_basic"} | client
        match described["token_endpoint_auth_method"]:
            case "private_key_jwt":
                described["key"] = key
            case "client_secret_basic" | "client_secret_post":
                described["secret"] = (folder / "clients" / f"{name}.secret").read_text().strip()
        known[name] = described
    return known


def _create(person: Person, *store: str) -> None:
    """Create the user by the admin program."""
    options = ("--name", person.name, "--email", person.email, "--email-verified")
    command = ("identity.admin", "user", "create", person.username, *options, "--password-stdin")
    subprocess.run(  # noqa: S603 - our own program
        _python(*command, *store), env=_environment(), input=person.password, text=True, check=True
    )


def _address(server: subprocess.Popen[bytes], log: Path) -> str:
    """Return where the server listens, as soon as it says that it does."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        lines = log.read_text().split("\n")[:-1]
        for event in map(json.loads, lines):
            if event["event"] == "serving":
                address: str = event["address"]
                return address
        time.sleep(0.02)
    raise AssertionError(f"the server does not serve: {log.read_text()}")


def _python(*arguments: str) -> list[str]:
    return [sys.executable, "-m", *arguments]


def _environment() -> dict[str, str]:
    others = {name: value for name, value in os.environ.items() if not name.startswith("BODEGA_")}
    return others | {"PYTHONPATH": os.pathsep.join(sys.path)}


@contextmanager
def _kept_address() -> Iterator[str]:
    """Keep an address for who will listen there by its number: nobody gets it for asking for any.

    Linux lets a second socket have it where both say SO_REUSEADDR, as Node does, and this one does
    not listen.
    """
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{keeper.getsockname()[1]}"
